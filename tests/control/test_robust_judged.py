"""Robust plans whose best candidates alone are judged under every model."""

from __future__ import annotations

import mujoco
import numpy as np
from hypothesis import given, strategies as st
from taskloom_control.mjcf.physics import take_snapshot
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.models import PlanningModels
from taskloom_control.planning.problem import judged as judged_by
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
    np.testing.assert_allclose(made[chosen], of_all.mean(axis=0))
    rest = np.delete(np.arange(len(first)), chosen)
    ordered = made[rest][np.argsort(first[rest])].tolist()
    assert ordered == sorted(ordered)
    if np.isfinite(first[chosen]).any():
        assert made[rest].max(initial=-np.inf) < made[chosen].max()
        # All that are judged lose as much: so do the others, and none looks better than before.
        alike = models.settled(first, chosen, np.tile(first[chosen] - 3.0, 2))
        np.testing.assert_allclose(alike, np.where(np.isfinite(first), first - 2.0, first))
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

    def chunk(self, iteration: int, done: int, total: int) -> int:
        return min(self.sizes.pop(0), total - done) if self.sizes else 0

    def ran(self) -> None: ...

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
