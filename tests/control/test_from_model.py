"""A model and a cost function are a task, in three lines."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
from taskloom_control import Controller, Estimate, task_from


def test_a_plan_for_a_model_and_a_function(tmp_path: Path, systems: ModuleType) -> None:
    path = systems.write_model(tmp_path, systems.CART.format(dt=0.02))
    task = task_from(path, lambda x, y, u: (x[..., 0] - 1.0) ** 2, engine={"kind": "serial"})
    controller = Controller(task, task.config, seed=0)
    now, x, v = 0.0, 0.0, 0.0
    for _ in range(100):
        plan, _ = controller.plan(Estimate(np.array([x]), np.array([v]), now))
        v += 0.04 * float(plan(now)[0])
        x, now = x + 0.04 * v, now + 0.04
    controller.close()
    assert abs(x - 1.0) < 0.6
