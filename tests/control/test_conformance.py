"""Every shipped task keeps to core's contract."""

from __future__ import annotations

from typing import Any

import pytest
from taskloom.registry import load_target
from taskloom.testing import check_task
from taskloom_control.domain import DOMAIN

TINY: dict[str, Any] = {
    "seconds": 0.12,
    "hold": 0.04,
    "controller": {"horizon": 0.2},
    "optimizer": {"kind": "ps", "num_rollouts": 4, "num_nodes": 4},
    "record": {"fan_every": 2, "fan_size": 2, "animation": False},
}


@pytest.mark.parametrize("name", [ref.name for ref in DOMAIN.tasks if not ref.needs])
def test_task_passes_the_conformance_suite(name: str) -> None:
    target = next(ref.target for ref in DOMAIN.tasks if ref.name == name)
    assert check_task(load_target(target), **TINY)
