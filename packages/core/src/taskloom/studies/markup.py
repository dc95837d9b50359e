"""Tables of a study in LaTeX and HTML; p-values are in neither."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from taskloom.show.cells import MOST_ROWS, table_of
from taskloom.studies.tables import (
    StudyFacts,
    cell_table,
    comparison_table,
    heading,
    method_of,
    notes_of,
)

_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def latex_of(study: StudyFacts) -> str:
    """Return the tables of a study for LaTeX with the package booktabs; p-values stay out of it."""
    best = {index for index, cell in enumerate(study.table) if cell.mark == "best"}
    parts = [f"% {_latex(heading(study))}", _tabular(*cell_table(study, study.table), best)]
    if study.differences:
        parts += [f"% {_latex(method_of(study))}", _tabular(*comparison_table(study, has_p=False))]
    return "\n".join([*parts, *(f"% {_latex(note)}" for note in notes_of(study))]) + "\n"


def _tabular(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    bold: set[int] = frozenset(),  # type: ignore[assignment]  # read only
) -> str:
    lines = [f"\\begin{{tabular}}{{{'l' * len(columns)}}}", "\\toprule"]
    lines += [" & ".join(map(_latex, columns)) + " \\\\", "\\midrule"]
    for index, row in enumerate(rows):
        cells = [_latex(cell) for cell in row]
        if index in bold:
            cells = [f"\\textbf{{{cell}}}" if cell else "" for cell in cells]
        lines.append(" & ".join(cells) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def _latex(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in " ".join(text.split()))


def html_of(study: StudyFacts) -> str:
    """Return the tables of a study for a notebook's cell, the first fifty rows of each, every text escaped."""
    parts = [f"<p>{escape(heading(study))}</p>", _html(*cell_table(study, study.table))]
    if study.differences:
        parts += [f"<p>{escape(method_of(study))}</p>"]
        parts.append(_html(*comparison_table(study, has_p=False)))
    return "".join([*parts, *(f"<p>{escape(note)}</p>" for note in notes_of(study))])


def _html(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rest = len(rows) - MOST_ROWS
    more = f"<div>and {rest} more</div>" if rest > 0 else ""
    return f"{table_of(columns, rows[:MOST_ROWS])}{more}"
