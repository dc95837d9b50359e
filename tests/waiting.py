"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(reached: Callable[[], object], seconds: float = 120.0) -> None:
    """Return when a condition holds; fail the test where it never does."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
