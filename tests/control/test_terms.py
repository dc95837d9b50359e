"""The cost of an episode by the name of the term: recorded, resumed, reported, and blamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from taskloom.arrays import load_npz, save_npz
from taskloom.report.model import Chart, Table
from taskloom_control.arrays import Array
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.closed_loop.trajectory import (
    TermRecorder,
    trajectory_hash,
)
from taskloom_control.errors import RewardError
from taskloom_control.report.terms import cost_blocks
from taskloom_control.tasks.arm_pick import ArmPick, ArmPickConfig

QUIET = {"fan_every": 0, "animation": False}


def arm(seconds: float) -> ArmPick:
    optimizer = {"kind": "ps", "num_rollouts": 2}
    changes = {"seconds": seconds, "record": QUIET, "optimizer": optimizer}
    return ArmPick(ArmPickConfig.model_validate(changes))


def costs_of(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values for name, values in arrays.items() if name.startswith("cost_")}


def test_recorded_terms_sum_to_minus_the_reward(play: Callable[..., ClosedLoop]) -> None:
    arrays = play(arm(0.2)).arrays()
    total = np.nansum(list(costs_of(arrays).values()), axis=0)
    np.testing.assert_allclose(total, -arrays["reward"], rtol=1e-12)


def test_terms_are_no_part_of_the_hash(play: Callable[..., ClosedLoop]) -> None:
    arrays = play(arm(0.08)).arrays()
    bare = {name: values for name, values in arrays.items() if not name.startswith("cost_")}
    assert len(bare) < len(arrays)
    assert trajectory_hash(bare) == trajectory_hash(arrays)


def test_terms_that_come_and_go_survive_a_checkpoint(tmp_path: Path) -> None:
    recorder = TermRecorder()
    for row in ({"reach": 1.0, "lift": 2.0}, {"reach": 3.0}, {"reach": 4.0, "home": 0.0}):
        recorder.add(row)
    save_npz(tmp_path / "costs.npz", recorder.arrays())
    again = TermRecorder()
    again.restore(load_npz(tmp_path / "costs.npz"))
    for one in (recorder, again):
        one.add({"home": 7.0})
    expected = {
        "cost_reach": [1.0, 3.0, 4.0, np.nan],
        "cost_lift": [2.0, np.nan, np.nan, np.nan],
        "cost_home": [np.nan, np.nan, 0.0, 7.0],
    }
    for one in (recorder, again):
        arrays = one.arrays()
        assert arrays.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(arrays[name], values)


def test_report_stacks_the_terms_and_names_the_dearest_first() -> None:
    arrays = {"time": np.arange(5.0), "cost_small": np.full(4, 0.5), "cost_large": np.full(4, 1.5)}
    chart, table = cost_blocks(arrays)
    assert isinstance(chart, Chart)
    assert isinstance(table, Table)
    assert table.rows == [["large", 1.5, "75.0 %"], ["small", 0.5, "25.0 %"]]
    assert chart.spec["encoding"]["y"]["stack"] == "zero"
    assert len(chart.spec["data"]["values"]) == 8
    assert cost_blocks({"time": np.arange(5.0)}) == []


def test_report_sums_the_terms_past_the_eighth_and_draws_lines_below_zero() -> None:
    many = {f"cost_t{i}": np.full(3, float(i)) for i in range(12)}
    _, table = cost_blocks({"time": np.arange(4.0), **many})
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["t11", "t10", "t9", "t8", "t7", "t6", "t5", "other terms"]  # fmt: skip
    assert table.rows[-1][1] == 10.0
    chart, _ = cost_blocks({"time": np.arange(4.0), "cost_gain": np.array([-1.0, 2.0, 0.0])})
    assert isinstance(chart, Chart)
    assert chart.spec["encoding"]["y"]["stack"] is None


def test_simulated_step_without_a_number_names_the_term(
    tmp_path: Path, systems: ModuleType
) -> None:
    """Candidates that avoid the place are found; the simulation that is there all the same says what is wrong."""

    class Wall(systems.Broken):  # type: ignore[misc, name-defined]  # a class of a module that a test loads
        def costs(self, states: Array, *rest: object) -> Mapping[str, Array]:
            barrier = np.where(states[..., 0] > 0.1, np.inf, 0.0)
            return {"place": states[..., 0] ** 2, "barrier": barrier}

    path = systems.write_model(tmp_path, systems.CART.format(dt=0.05))
    config = systems.PlainConfig()
    simulation = Simulation(systems.with_model(Wall, path)(config), config)
    simulation.reset(np.random.default_rng(0))

    def push() -> None:
        for _ in range(40):
            simulation.step(np.ones(1))

    with pytest.raises(
        RewardError, match=r"^The term 'barrier' of the reward of Wall is not a finite"
    ):
        push()
    assert simulation.data.qpos[0] > 0.1
