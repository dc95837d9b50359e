"""Tables for papers: LaTeX with the package booktabs, and Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "\u2212": "$-$",
    "\u2013": "--",
    "\u00b1": "$\\pm$",
    "\u221e": "$\\infty$",
}


def latex_text(text: str) -> str:
    r"""Return a text as LaTeX prints it.

    Example:
        >>> print(latex_text("95 % of a_b"))
        95 \% of a\_b
    """
    return "".join(_LATEX.get(char, char) for char in " ".join(text.split()))


def tabular(
    columns: Sequence[str], rows: Sequence[Sequence[str]], bold: Collection[int] = ()
) -> str:
    """Return a table for LaTeX.

    Args:
        columns: Titles.
        rows: Cells of each row, as text.
        bold: Places of the rows that are set in bold.
    """
    lines = [f"\\begin{{tabular}}{{{'l' * len(columns)}}}", "\\toprule"]
    lines += [" & ".join(map(latex_text, columns)) + " \\\\", "\\midrule"]
    for index, row in enumerate(rows):
        cells = [latex_text(cell) for cell in row]
        if index in bold:
            cells = [f"\\textbf{{{cell}}}" if cell else "" for cell in cells]
        lines.append(" & ".join(cells) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return a table for Markdown; a bar inside a cell is escaped.

    Example:
        >>> print(markdown(["a", "b"], [["1", "x|y"]]))
        | a | b |
        | --- | --- |
        | 1 | x\|y |
    """
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_markdown_cell, cells))} |" for cells in lines)


def _markdown_cell(text: str) -> str:
    return (
        text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") if text != "---" else text
    )
