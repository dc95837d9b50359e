"""Examples of docstrings as code: an interactive session stands in them without a fence."""

from __future__ import annotations

from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Puts each session of a docstring into a fence, before its sections are read."""

    def on_object(self, *, obj: griffe.Object, **_others: Any) -> None:  # noqa: ANN401
        """Rewrite the docstring of an object that was read."""
        if obj.docstring is not None and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return a docstring whose sessions, from `>>>` to the next empty line, are fenced."""
    kept: list[str] = []
    inside = ""
    for line in (*text.splitlines(), ""):
        if not inside and line.lstrip().startswith(">>> "):
            inside = line[: len(line) - len(line.lstrip())] + "```"
            kept.append(f"{inside}pycon")
        elif inside and not line.strip():
            kept.append(inside)
            inside = ""
        kept.append(line)
    return "\n".join(kept[:-1])
