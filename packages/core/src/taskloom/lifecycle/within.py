"""Runs that this code is part of: a task may start further runs, but not one that waits for itself.

Inside the process the context variable knows; a child process reads the environment.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

VARIABLE = "TASKLOOM_WITHIN"
"""Identities that the parents of a process compute: `PID:IDENTITY` separated by spaces."""
_here: ContextVar[tuple[str, ...]] = ContextVar("within", default=())
_changing = threading.Lock()


@contextmanager
def within(identity: str) -> Iterator[None]:
    """Mark the block, and the processes that it starts, as part of the computation of an identity."""
    mark = f"{os.getpid()}:{identity}"
    token = _here.set((*_here.get(), identity))
    _change(mark, add=True)
    try:
        yield
    finally:
        _change(mark, add=False)
        _here.reset(token)


def is_within(identity: str) -> bool:
    """Return whether this code is part of the computation of an identity."""
    return identity in _here.get() or identity in _of_parents()


def _of_parents() -> set[str]:
    pairs = (word.partition(":") for word in os.environ.get(VARIABLE, "").split())
    # Of this process, other threads may compute what this one has every reason to wait for.
    return {identity for pid, _, identity in pairs if pid != str(os.getpid())}


def _change(mark: str, *, add: bool) -> None:
    with _changing:
        marks = os.environ.get(VARIABLE, "").split()
        if add:
            marks.append(mark)
        elif mark in marks:
            marks.remove(mark)
        if marks:
            os.environ[VARIABLE] = " ".join(marks)
        else:
            os.environ.pop(VARIABLE, None)
