"""Ids of runs and sweeps, which are the names of their folders."""

from __future__ import annotations

import re

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")
_GENERATED = re.compile(r"\d{8}-\d{6}-")  # how `taskloom.runs.layout.new_id` begins every id


def is_id(text: str) -> bool:
    """Return whether the text could be the id of a run or of a sweep."""
    return _ID.fullmatch(text) is not None


def is_generated(text: str) -> bool:
    """Return whether the text is an id as taskloom makes them, and not one that a person gave."""
    return is_id(text) and _GENERATED.match(text) is not None
