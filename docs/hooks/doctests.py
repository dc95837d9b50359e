"""Examples of docstrings as code: an interactive session stands in them without a fence."""

from __future__ import annotations

from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Puts each session of a docstring into a fence, before its sections are read."""

    def on_object(self, *, obj: griffe.Object, **_others: Any) -> None:  # noqa: ANN401 -- griffe hands over what it likes
        """Rewrite the docstring of an object that was read."""
        if obj.docstring is not None and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return a docstring whose sessions, from `>>>` to the next empty line, stand in fences at the margin."""
    kept: list[str] = []
    indent: int | None = None
    for line in (*text.splitlines(), ""):
        if indent is None and line.lstrip().startswith(">>> "):
            indent = len(line) - len(line.lstrip())
            kept += ["", "```pycon"]
        elif indent is not None and not line.strip():
            kept.append("```")
            indent = None
        kept.append(line[indent:] if indent else line)
    return "\n".join(kept[:-1])
