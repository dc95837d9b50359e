"""Docstrings in Google style as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Note|Example):$")
_ITEM = re.compile(r"^    (\w[\w, *]*(?: \([^)]*\))?): (.*)$")


def signature_of(found: object) -> str:
    """Return how a class or function is called, one parameter a line when it is long."""
    if not callable(found):
        return ""
    name = getattr(found, "__name__", "")
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return name
    written = []
    starred = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            written.append("*")
            starred = True
        starred = starred or parameter.kind is parameter.VAR_POSITIONAL
        written.append(_parameter(parameter))
    line = f"{name}({', '.join(written)})"
    return line if len(line) <= 88 else f"{name}(\n    " + ",\n    ".join(written) + ",\n)"


def _parameter(parameter: inspect.Parameter) -> str:
    """Return a parameter as it was written; an annotation that is kept as text needs no quotes."""
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = stars + parameter.name
    if parameter.annotation is not parameter.empty:
        text += (
            f": {inspect.formatannotation(parameter.annotation)}"
            if not isinstance(parameter.annotation, str)
            else f": {parameter.annotation}"
        )
    if parameter.default is parameter.empty:
        return text
    default = repr(parameter.default)
    return f"{text} = {'...' if default.startswith('<') else default}"


def markdown(found: object) -> Iterator[str]:
    """Yield the lines of an object's docstring as Markdown, its sections as lists."""
    section = ""
    for line in (inspect.getdoc(found) or "").splitlines():
        heading = _SECTION.match(line)
        item = _ITEM.match(line) if section else None
        if heading:
            section = heading[1]
            yield f"\n**{section}**\n"
        elif not section:
            yield line
        elif item and section not in ("Returns", "Yields", "Note", "Example"):
            yield f"- `{item[1]}`: {item[2]}"
        else:
            yield (
                f"  {line.strip()}"
                if item is None and section in ("Args", "Attributes", "Raises")
                else line.strip()
            )
    yield ""
