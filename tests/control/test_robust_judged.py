"""Robust plans whose best candidates alone are judged under every model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from hypothesis import given, strategies as st
from taskloom.errors import UsageError
from taskloom.opening import open_task
from taskloom.params.layers import validate_record
from taskloom_control.bench.effort import steps_of_a_candidate, with_budget
from taskloom_control.engines.threads_mujoco import ThreadedEngine
from taskloom_control.mjcf.physics import take_snapshot
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.deadline import Deadline
from taskloom_control.planning.models import PlanningModels
from taskloom_control.planning.problem import judged as judged_by
from taskloom_control.planning.robust import RobustConfig
from taskloom_control.task import Metadata
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig


def cartpole(**robust: object) -> CartpoleConfig:
    return CartpoleConfig.model_validate({"robust": {"models": 3, **robust}})


REWARDS = st.lists(st.sampled_from([-np.inf, *np.linspace(-9, 9, 37)]), min_size=1, max_size=12)


@given(rewards=REWARDS, judged=st.sampled_from([0.05, 0.2, 0.5, 1.0]), data=st.data())
def test_what_is_not_judged_keeps_its_order_and_wins_nothing_by_it(
    rewards: list[float], judged: float, data: st.DataObject
) -> None:
    config = cartpole(judged=judged, risk="mean")
    assert config.robust is not None
    models = PlanningModels(Cartpole(config), config.robust, 0)
    first = np.array(rewards)
    chosen = models.chosen(first)
    assert judged * len(first) <= len(chosen) < judged * len(first) + 1
    assert first[chosen].min() >= np.delete(first, chosen).max(initial=-np.inf)
    others = np.array(
        data.draw(st.lists(st.floats(-9, 9), min_size=2 * len(chosen), max_size=2 * len(chosen)))
    )
    made = models.settled(first, chosen, others)
    of_all = np.stack([first[chosen], *np.split(others, 2)])
    np.testing.assert_allclose(made[chosen], of_all.mean(axis=0), atol=1e-12)
    rest = np.delete(np.arange(len(first)), chosen)
    ordered = made[rest][np.argsort(first[rest])].tolist()
    assert ordered == sorted(ordered)
    if np.isfinite(first[chosen]).any():
        assert made[rest].max(initial=-np.inf) < made[chosen].max()
        # All that are judged lose as much: so do the others, and none looks better than before.
        alike = models.settled(first, chosen, np.tile(first[chosen] - 3.0, 2))
        expected = np.where(np.isfinite(first), first - 2.0, first)
        # Of equals, one that is not judged comes out below the judged one by the least there is.
        np.testing.assert_allclose(alike, expected, atol=1e-12)
    # Nobody gains by a place in the batch.
    order = np.array(data.draw(st.permutations(range(len(first)))))
    if len({*first}) == len(first):
        again = models.chosen(first[order])
        np.testing.assert_array_equal(order[again], chosen)
        np.testing.assert_array_equal(models.settled(first[order], again, others), made[order])


def judge_of(again: float, **robust: object) -> Controller:
    config = cartpole(judged=again, budget="times_models", **robust)
    controller = Controller(Cartpole(config), config, 0)
    data = mujoco.MjData(controller.task.model)
    data.qpos[:] = (1.0, 3.0)
    controller.problem.begin(take_snapshot(controller.task.model, data), {}, 0.0, None)
    return controller


def rolled_out(controller: Controller, knots: np.ndarray) -> np.ndarray:
    problem = controller.problem
    return np.array(controller.engine.rollout(problem.snapshot, problem.controls(knots)).states)


class Chunks:
    """A budget that divides candidates as it is told."""

    least = 1

    def __init__(self, *sizes: int) -> None:
        self.sizes = list(sizes)

    def begin(self) -> None: ...

    def chunk(self, iteration: int, done: int, total: int, later: float, /) -> int:
        return min(self.sizes.pop(0), total - done) if self.sizes else 0

    def ran(self) -> None: ...

    def settled(self) -> None: ...

    def end(self) -> bool:
        return False


def test_judging_the_best_again_is_judging_them_all_where_all_are_best() -> None:
    count, noise = 12, {"state_noise": {"hinge": 0.1}}
    whole, some = judge_of(1.0, **noise), judge_of(0.4, **noise)
    knots = np.random.default_rng(0).normal(size=(count, whole.grid.num_knots, 1))
    expected = whole.problem.evaluate(knots)
    assert whole.problem.physics == 3 * count * whole.grid.num_steps
    np.testing.assert_array_equal(judge_of(0.95, **noise).problem.evaluate(knots), expected)
    found = some.problem.evaluate(knots)
    assert some.problem.physics == (count + 2 * 5) * some.grid.num_steps
    plain = judge_of(1.0, level=0.0).problem.evaluate(knots)
    best = np.argsort(-plain)[:5]
    np.testing.assert_array_equal(found[best], expected[best])
    # What is shown afterwards are the rollouts under the planning model, also where as many rows come next.
    for again, tried in ((some, knots), (judge_of(0.5, **noise), knots)):
        again.problem.evaluate(tried)
        assert again.problem.last is not None
        shown = again.problem.last.states.copy()
        np.testing.assert_array_equal(shown, rolled_out(again, tried))
    # However a deadline divides the candidates, and of those that it leaves out nothing is known.
    for sizes in ((3, 4, 5), (1, 11), (12,)):
        np.testing.assert_array_equal(judged_by(some.problem, knots, 0, Chunks(*sizes))[0], found)
    cut = judged_by(some.problem, knots, 0, Chunks(4, 3))[0]
    np.testing.assert_array_equal(cut, some.problem.evaluate(knots[:7]))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.999, 1.0])
def test_a_deadline_counts_the_rollouts_that_follow(share: float) -> None:
    robust = {"models": 8, "judged": share, "budget": "times_models"}
    config = CartpoleConfig.model_validate(
        {
            "robust": robust,
            "optimizer": {"kind": "ps", "num_rollouts": 2000},
            "engine": {"kind": "serial"},
        }
    )
    controller = Controller(Cartpole(config), config, 0)
    data = mujoco.MjData(controller.task.model)
    data.qpos[:] = (1.0, 3.0)
    state = take_snapshot(controller.task.model, data)
    # A rollout lasts a second, of whichever model.
    deadline = Deadline(1000.0, clock=lambda: controller.physics / controller.grid.num_steps)
    spent = []
    for _ in range(12):
        before = controller.physics
        _, stats = controller.plan(state, budget=deadline)
        spent.append((controller.physics - before) / controller.grid.num_steps)
        assert stats.rollouts == spent[-1]
        assert not stats.starved
    # The first chunk of the first plan measures what a rollout costs.
    assert max(spent) <= 1000
    assert min(spent[1:]) >= 900


def test_a_measure_that_hopes_leaves_no_reward_without_a_number() -> None:
    config = cartpole(models=2, judged=0.5, risk="entropic", theta=-1.0)
    assert config.robust is not None
    models = PlanningModels(Cartpole(config), config.robust, 0)
    first = np.array([-1.0, -np.inf, -np.inf, -np.inf])
    made = models.settled(first, models.chosen(first), np.full(2, -2.0))
    # Minus log((e^-1 + e^-2) / 2) and minus log(e^-2 / 2).
    np.testing.assert_allclose(made[:2], [-1.379885493041722, -2.693147180559945])
    assert np.isneginf(made[2:]).all()


class Odd(Cartpole):
    """A task whose reward is no number under any but the planning model."""

    calls = 0

    def reward(
        self,
        states: np.ndarray,
        sensors: np.ndarray,
        controls: np.ndarray,
        config: CartpoleConfig,
        system_metadata: Metadata | None = None,
    ) -> np.ndarray:
        self.calls += 1
        found = super().reward(states, sensors, controls, config, system_metadata)
        return found if self.calls % 2 else np.full_like(found, np.inf)


def test_candidates_without_a_number_under_the_drawn_models_are_the_worst_and_no_error() -> None:
    config = cartpole(models=2, judged=0.2)
    controller = Controller(Odd(config), config, 0)
    data = mujoco.MjData(controller.task.model)
    controller.problem.begin(take_snapshot(controller.task.model, data), {}, 0.0, None)
    rewards = controller.problem.evaluate(np.zeros((10, controller.grid.num_knots, 1)))
    assert np.isneginf(rewards).tolist() == [True] * 2 + [False] * 8
    assert controller.problem.diverged == 2


KINETIC = """
<mujoco><option><flag energy="enable"/></option><worldbody><body><joint type="slide"/>
<geom size=".1" mass="{mass}"/></body></worldbody><actuator><motor joint="joint0" ctrlrange="-1 1"/></actuator>
<sensor><e_kinetic/></sensor></mujoco>
""".replace('type="slide"', 'name="joint0" type="slide"')


def test_the_planning_model_alone_has_its_own_energy_though_others_are_drawn() -> None:
    light, heavy = (
        mujoco.MjModel.from_xml_string(KINETIC.format(mass=mass)) for mass in (1.0, 5.0)
    )
    data = mujoco.MjData(light)
    data.qvel[:] = 0.6
    start = take_snapshot(light, data)
    engine, controls = ThreadedEngine(light, None), np.zeros((2, 3, 1))
    alone = engine.rollout(start, controls).sensors.copy()
    engine.take_models([heavy])
    np.testing.assert_array_equal(engine.rollout(start, controls).sensors, alone)
    # .5 * m * v^2
    assert engine.rollout_each([start], controls).sensors[0, 0, 0] == pytest.approx(0.9)
    engine.close()


@pytest.mark.parametrize("share", [1e-12, 0.2, 0.999, 1.0])
@pytest.mark.parametrize("models", [2, 4, 256])
def test_a_number_of_rollouts_pays_for_the_most_candidates_it_can(
    share: float, models: int
) -> None:
    robust = RobustConfig(models=models, judged=share)
    for rollouts in range(1, 1100, 7):
        count = robust.affordable(rollouts)
        assert robust.rollouts_of(count) <= rollouts < robust.rollouts_of(count + 1)
        assert count == 0 or robust.judged_of(count) >= 1


def test_a_record_of_before_there_was_a_share_judges_all() -> None:
    old, new = ({"robust": {"models": 4}}, {"robust": {"models": 4, "judged": 0.3}})
    assert validate_record(CartpoleConfig, old, "a record").robust.judged == 1
    assert validate_record(CartpoleConfig, new, "a record").robust.judged == 0.3
    assert cartpole().robust.judged == 0.2


def test_a_budget_that_no_number_of_candidates_spends_names_the_nearest_two() -> None:
    values = {
        "optimizer": {"kind": "mppi", "num_rollouts": 200},
        "robust": {"models": 2, "judged": 0.5},
    }
    task = open_task("control/cartpole", values)
    each = steps_of_a_candidate(open_task("control/cartpole"))
    with pytest.raises(UsageError, match=r": 9 rollouts of 'mppi' .* and 11 cost"):
        with_budget(task, 10 * each)


class Limited(Cartpole):
    """A task whose cart may not move faster than 0.1 m/s."""

    def constraints(
        self,
        states: np.ndarray,
        sensors: np.ndarray,
        controls: np.ndarray,
        config: CartpoleConfig,
        system_metadata: Metadata | None = None,
    ) -> dict[str, np.ndarray]:
        return {"speed": np.abs(states[..., 2]) - 0.1}


def test_constraints_count_under_every_model() -> None:
    found = []
    for task, share, level in (
        (Limited, 1.0, 0.0),
        (Limited, 0.2, 0.0),
        (Limited, 1.0, 1.0),
        (Limited, 0.2, 1.0),
        (Cartpole, 0.2, 0.0),
    ):
        config = cartpole(judged=share, level=level, budget="times_models")
        controller = Controller(task(config), config, 0)
        start = take_snapshot(controller.task.model, mujoco.MjData(controller.task.model))
        controller.problem.begin(start, {}, 0.0, None)
        knots = np.random.default_rng(1).normal(size=(10, controller.grid.num_knots, 1))
        found.append(controller.problem.evaluate(knots))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    # The best two of ten are judged alike, whatever becomes of the others.
    best = np.argsort(-found[0])[:2]
    np.testing.assert_allclose(found[3][best], found[2][best], rtol=1e-12)
    assert (found[4] > found[1]).all()
