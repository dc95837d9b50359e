"""Text that others wrote, as something that a terminal only shows and never obeys."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 60


def escaped(text: str) -> str:
    r"""Return text with every character spelled out that a terminal would obey: control characters, bidirectional marks.

    Example:
        >>> escaped("a\x1b[31m")
        'a\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return rows under columns, each as wide as its widest cell; control characters are spelled out.

    Example:
        >>> aligned(("a", "b"), [("long", "1")])
        'a     b\nlong  1\n'
    """
    cells = [[escaped(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    lines = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def one_line(text: str, longest: int) -> str:
    r"""Return text on one line, escaped, with a mark where it was cut to so many characters.

    Example:
        >>> one_line("two\nlines", 200), one_line("too long", 6)
        ('two lines', 'too...')
    """
    if not text.isprintable():
        text = escaped(" ".join(text.split()))
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def excerpt(text: str) -> str:
    """Return the beginning of a text as a sentence shows it: at most 60 characters, escaped.

    >>> excerpt("a" * 61)[-4:]
    'a...'
    """
    plain = escaped(text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 3]}..."
