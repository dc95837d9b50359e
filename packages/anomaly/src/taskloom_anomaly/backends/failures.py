"""The text of a framework's error, shortened for a sentence of ours."""

from __future__ import annotations

import re

_LINK = re.compile(r"\s*\(?https?://\S+\)?")
_LONGEST = 240


def reason(error: Exception) -> str:
    """Return an error's text on one line, without links to manuals, cut at a word when it is long."""
    text = _LINK.sub("", " ".join(str(error).split())).rstrip(". ")
    if not text:
        return type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " ..."
