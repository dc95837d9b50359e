"""The texts of a study: a small part of Markdown as HTML, and no HTML of theirs.

Headings, paragraphs, lists, **strong**, *emphasis* and `code`. Everything else is shown as it is written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_HEADING = re.compile(r"(#{1,3}) +(.*)")
_ITEM = re.compile(r"(?:[-*]|\d+\.) +(.*)")
_INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*([^*]+)\*"), r"<em>\1</em>"),
)


def to_html(text: str) -> str:
    r"""Return a text as HTML.

    >>> to_html("# Hello\n\nA **bold** <script>.")
    '<h2>Hello</h2><p>A <strong>bold</strong> &lt;script&gt;.</p>'
    """
    return "".join(_blocks(text.replace("\r\n", "\n").strip()))


def _blocks(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip("\n").split("\n")
        heading = _HEADING.fullmatch(lines[0])
        if heading:
            # The page's title is the first heading, so that a text begins with the second.
            level = len(heading[1]) + 1
            yield f"<h{level}>{_inline(heading[2])}</h{level}>"
            lines = lines[1:]
        if lines and all(_ITEM.fullmatch(line.strip()) for line in lines):
            items = "".join(f"<li>{_inline(_item(line))}</li>" for line in lines)
            tag = "ol" if lines[0].strip()[0].isdigit() else "ul"
            yield f"<{tag}>{items}</{tag}>"
        elif any(line.strip() for line in lines):
            yield f"<p>{_inline(' '.join(line.strip() for line in lines))}</p>"


def _item(line: str) -> str:
    found = _ITEM.fullmatch(line.strip())
    return found[1] if found else line


def _inline(text: str) -> str:
    shown = html.escape(text, quote=False)
    for pattern, form in _INLINE:
        shown = pattern.sub(form, shown)
    return shown
