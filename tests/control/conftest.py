"""Fixtures of the control tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from taskloom_control.closed_loop import ClosedLoop
from taskloom_control.task import ControlTask


@pytest.fixture
def play() -> Iterator[Callable[..., ClosedLoop]]:
    """Run a task's closed loop to its end, without a run around it."""
    loops: list[ClosedLoop] = []

    def run(task: ControlTask[Any], seed: int = 0) -> ClosedLoop:
        loop = ClosedLoop(task, seed, seed)
        loops.append(loop)
        while not loop.done:
            loop.advance()
        return loop

    yield run
    for loop in loops:
        loop.close()
