"""Fixtures of the control tests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from taskloom.bound import BoundTask
from taskloom_control import driver
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.task import ControlTask


def _bound(task: ControlTask[Any]) -> BoundTask[ControlTask[Any], Any]:
    return BoundTask(task, task.config, type(task), driver)


@pytest.fixture
def bound() -> Callable[[ControlTask[Any]], BoundTask[ControlTask[Any], Any]]:
    """Bind a task to the config that it was made from and to control's driver."""
    return _bound


@pytest.fixture
def play() -> Iterator[Callable[..., ClosedLoop]]:
    """Run a task's closed loop to its end, without a run around it."""
    loops: list[ClosedLoop] = []

    def run(task: ControlTask[Any], seed: int = 0) -> ClosedLoop:
        loop = ClosedLoop(_bound(task), seed, seed)
        loops.append(loop)
        while not loop.done:
            loop.advance()
        return loop

    yield run
    for loop in loops:
        loop.close()


@pytest.fixture
def systems() -> ModuleType:
    """The MuJoCo systems and tasks that are made for tests."""
    path = Path(__file__).with_name("systems.py")
    spec = importlib.util.spec_from_file_location("control_test_systems", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.get(spec.name)
    if module is None:
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return module
