"""`run.load("controller")`: the controller that played, made again from the config of the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import taskloom as tl
from taskloom.seeding import derive_seed
from taskloom_control.closed_loop.loop import ClosedLoop


@pytest.mark.parametrize("optimizer", ["cem", "ps"])
def test_the_loaded_controller_makes_the_plans_of_the_run(tmp_path: Path, optimizer: str) -> None:
    options = tl.RunOptions(store=tmp_path, quiet=True, report="no")
    short = {"seconds": 0.1, "record.animation": False, "baseline": False}
    run = tl.run("control/pendulum", short, optimizer=optimizer, options=options)
    controller, bound = run.load("controller"), tl.task_of(run)
    seeds = [derive_seed(bound.config.seed, name) for name in ("plan", "reset")]
    loop = ClosedLoop(bound, *seeds)
    try:
        for _ in range(2):
            state = loop.simulation.snapshot()
            plan, stats = controller.plan(state, loop.simulation.task.get_sim_metadata())
            told = loop.advance()
            assert stats.reward == told.reward
            assert loop.controller.plan_now is not None
            times = np.linspace(state.time, state.time + 0.1, 5)
            for moment in times:
                np.testing.assert_array_equal(plan(moment), loop.controller.plan_now(moment))
    finally:
        loop.close()
