"""Progress of a running run on its page: how far it is, how fast, and how long it takes."""

from __future__ import annotations

import time
from typing import Any

import htpy as h

from taskloom.errors import RunCorruptError
from taskloom.lifecycle.bar import clock, rate_text, short_count
from taskloom.lifecycle.progress_file import NAME
from taskloom.records.checks import decode_number
from taskloom.records.documents import read_object
from taskloom.records.files import stat_file
from taskloom.runs.run import Run

_STALE = 30.0
"""Age of the last news above which it is told [s]."""


def progress_words(run: Run) -> str:
    """Return how far a running run is, as one line; nothing where it does not say.

    Args:
        run: The run.
    """
    told = _read(run)
    if told is None:
        return ""
    done, total = _count(told, "done"), _count(told, "total")
    of = "" if total is None else f"/{short_count(total)}"
    share = "" if not total or done is None else f" ({100 * done / total:.0f} %)"
    rate, left = decode_number(told.get("rate")), decode_number(told.get("left"))
    at = decode_number(told.get("at"))
    age = 0.0 if at is None else time.time() - at
    parts = [
        f"{str(told.get('label', ''))[:80]} {short_count(done or 0)}{of}{share}".strip(),
        rate_text(rate) if rate else "",
        f"{clock(max(left - age, 0.0))} left" if left is not None and age < _STALE else "",
        f"no news for {clock(age)}" if age >= _STALE else "",
    ]
    return ", ".join(part for part in parts if part)


def progress_bar(run: Run) -> h.Node:
    """Return the line and a bar; nothing for a run that is over."""
    if run.status not in ("running", "running?"):
        return None
    told = _read(run) or {}
    done, total = _count(told, "done"), _count(told, "total")
    bar = None
    if total and done is not None:
        bar = h.progress(value=str(done), max=str(total), aria_label="Progress of the run")
    return h.p("#progress.progress", role="status")[h.span[progress_words(run)], " ", bar]


def _count(told: dict[str, Any], name: str) -> int | None:
    value = told.get(name)
    return value if type(value) is int and 0 <= value < 2**63 else None


def _read(run: Run) -> dict[str, Any] | None:
    if stat_file(run.dir, NAME) is None:
        return None
    try:
        return dict(read_object(run.dir, NAME))
    except RunCorruptError:
        return None
