"""Planning against a clock: budgets, prediction, a planner in a thread, and plants that are late, noisy or pushed."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from taskloom.bound import BoundTask
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.errors import ModelError, PlanError
from taskloom_control.mjcf.physics import Snapshot
from taskloom_control.planning.asynchronous import AsyncController
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.deadline import Budget, Deadline, Repeated
from taskloom_control.planning.estimate import Estimate
from taskloom_control.planning.plan import ControlPlan, PlanStats
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig

SAMPLERS = ("ps", "mppi", "smooth_mppi", "cem", "dial", "cma_es", "shooting")


def config_of(**values: object) -> CartpoleConfig:
    base = {"optimizer": {"kind": "cem", "num_rollouts": 12}, "engine": {"kind": "serial"}}
    return CartpoleConfig.model_validate({**base, "seconds": 0.6, **values})


def controller_of(**values: object) -> Controller:
    config = config_of(**values)
    return Controller(Cartpole(config), config, 3)


def at(time: float) -> Estimate:
    return Estimate(np.array([0.1, 3.0]), np.zeros(2), time)


class Ticking:
    """A clock that each candidate and each look at it move on."""

    def __init__(self, costs: Iterator[float]) -> None:
        self.now, self.costs = 0.0, costs

    def __call__(self) -> float:
        return self.now

    def spend(self, candidates: int) -> None:
        self.now += candidates * next(self.costs)


def plans(controller: Controller, budget: Budget | None = None, count: int = 4) -> list[np.ndarray]:
    return [controller.plan(at(0.04 * k), budget=budget)[0].curve for k in range(count)]


@pytest.mark.parametrize("kind", [*SAMPLERS, "icem", "ilqr"])
def test_a_deadline_of_infinity_is_the_synchronous_plan_bit_for_bit(kind: str) -> None:
    free = controller_of(optimizer={"kind": kind})
    timed = controller_of(optimizer={"kind": kind})
    for one, other in zip(plans(free), plans(timed, Deadline(math.inf)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", SAMPLERS)
@given(used=st.integers(8, 20))
@settings(max_examples=4, deadline=None)
def test_the_first_n_of_more_candidates_are_the_plan_of_n(kind: str, used: int) -> None:
    small = controller_of(optimizer={"kind": kind, "num_rollouts": used})
    cut = controller_of(optimizer={"kind": kind, "num_rollouts": 24})
    chunks = Repeated([[5, used - 5]])
    for one, other in zip(plans(small), plans(cut, chunks), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_plan_that_was_cut_is_made_again_from_its_chunks() -> None:
    clock = Ticking(itertools.cycle([1e-3, 1e-3, 2e-3, 1e-3, 4e-3]))
    first, again = controller_of(), controller_of()
    tried = first.problem.tried

    def slow(knots: np.ndarray) -> np.ndarray:
        clock.spend(len(knots))
        return tried(knots)

    first.problem.tried = slow  # type: ignore[method-assign]  # the clock of the test
    deadline = Deadline(0.01, 4, 2, clock)
    used = []
    for k in range(30):
        plan, stats = first.plan(at(0.04 * k), budget=deadline)
        repeated, _ = again.plan(at(0.04 * k), budget=Repeated(deadline.taken, 4))
        np.testing.assert_array_equal(plan.curve, repeated.curve)
        used.append(stats.rollouts_used)
        assert stats.rollouts_asked == 12
    assert min(used) < max(used) <= 12


@pytest.mark.parametrize("threads", [1, 2])
def test_deadlines_are_kept_on_a_machine_of_uneven_speed(threads: int) -> None:
    """The bars of the deadline, on a clock with a heavy tail: one chunk in two hundred takes up to twice its time."""
    rng = np.random.default_rng(0)
    slow = (
        1 + 0.05 * rng.random() + (rng.random() < 0.005) * rng.random() for _ in itertools.count()
    )
    clock = Ticking(slow)
    total = 32
    deadline = Deadline(total / 2, 8, 2 * threads, clock)
    overruns = starved = used = 0
    for _ in range(10_000):
        deadline.begin()
        began, done = clock.now, 0
        while done < total and (size := deadline.chunk(0, done, total)):
            clock.spend(size)
            deadline.ran()
            done += size
        clock.now += 0.1
        deadline.end()
        overruns += clock.now - began > 1.1 * deadline.seconds
        starved += done < 8
        used += done
    assert overruns <= 10
    assert starved <= 100
    assert used / 10_000 >= 0.35 * total


def test_too_few_candidates_leave_the_plan_of_before() -> None:
    controller = controller_of()
    before, _ = controller.plan(at(0.0))
    moved, stats = controller.plan(at(0.0), budget=Repeated([[3]]))
    assert stats.starved
    assert stats.rollouts_used == 3
    np.testing.assert_array_equal(moved.curve, before.curve)


def test_prediction_undoes_latency_to_the_bit() -> None:
    """With the plant's own model, a late estimate rolled forward is the plant's state of the moment."""
    free, late = loop_of(), loop_of(plant={"latency": 0.04})
    for name, array in free.items():
        if name != "plan_seconds":
            np.testing.assert_array_equal(array, late[name], err_msg=name)


def test_without_prediction_what_acts_is_the_closed_form_shifted_by_the_latency(
    systems: ModuleType, tmp_path: Path
) -> None:
    """A cart too heavy to be moved runs at 1 m/s; a planted planner answers with the position it is told: t - L."""
    path = systems.write_model(tmp_path, systems.CART.format(dt=0.01))

    class Running(systems.Plain):  # type: ignore[misc, name-defined]  # a class made for the test
        model_path = path

        def reset(self, rng: np.random.Generator) -> None:
            self.data.qvel[:] = 1.0

    plant = {"latency": 0.05, "predict": False, "mass_scale": 1e12}
    config = systems.PlainConfig.model_validate({"seconds": 0.6, "plant": plant})
    loop = ClosedLoop(BoundTask(Running(config), config, Running), 5, 6)
    grid, high = loop.controller.grid, loop.controller.high

    def planted(state: Snapshot, *_: object) -> tuple[ControlPlan, PlanStats]:
        loop.controller.num_plans += 1
        curve = grid.coefficients(np.full((grid.num_knots, 1), state.qpos[0]))
        return ControlPlan(grid, 0, curve, -high, high), PlanStats()

    loop.controller.plan = planted  # type: ignore[method-assign]  # the planted one
    while not loop.done:
        loop.advance()
    loop.close()
    arrays = loop.arrays()
    due = np.arange(15) * 0.04
    held = np.searchsorted(due, arrays["time"][:-1] + 1e-9, side="right") - 1
    expected = np.maximum(due[held] - 0.05, 0.0)
    np.testing.assert_allclose(arrays["control"][:, 0], expected, atol=1e-9)


def loop_of(
    watch: Callable[[Controller], None] = lambda controller: None, **values: object
) -> dict[str, np.ndarray]:
    config = config_of(**values)
    loop = ClosedLoop(BoundTask(Cartpole(config), config, Cartpole), 5, 6)
    watch(loop.controller)
    while not loop.done:
        loop.advance()
    loop.close()
    return loop.arrays()


def test_a_lost_message_leaves_the_plan_in_force() -> None:
    nothing = loop_of(plant={"dropout": 1.0})
    assert len(nothing["plan_time"]) == 1
    some = loop_of(plant={"dropout": 0.3}, seconds=2.0)
    assert 20 < len(some["plan_time"]) < 44
    assert len(some["control"]) == 50
    np.testing.assert_array_equal(
        some["control"], loop_of(plant={"dropout": 0.3}, seconds=2.0)["control"]
    )


def test_noise_has_its_spread_and_keeps_quaternions(systems: ModuleType, tmp_path: Path) -> None:
    from taskloom_control.closed_loop.messages import Messages
    from taskloom_control.config import PlantConfig

    path = systems.write_model(tmp_path, systems.EVERYTHING)
    task = systems.with_model(systems.Plain, path)(systems.PlainConfig())
    simulation = Simulation(task, task.config)
    simulation.reset(np.random.default_rng(0))
    plant = PlantConfig(noise={"slide": 0.1, "ball": 0.2}, bias={"hinge": 0.5})
    messages = Messages(task.model, plant, 1)
    messages.measure(simulation.snapshot(), {})
    got = [messages.arrived(k, 0.0) for k in range(2000)]
    states = np.array([message.state.qpos for message in got if message is not None])
    truth = simulation.snapshot().qpos
    slide, hinge = task.position("slide"), task.position("hinge")
    assert np.std(states[:, slide]) == pytest.approx(0.1, rel=0.1)
    np.testing.assert_allclose(states[:, hinge] - truth[hinge], 0.5, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(states[:, task.position("ball")], axis=1), 1.0)
    assert np.std(states[:, task.position("free")]) == pytest.approx(
        np.std(truth[task.position("free")])
    )


def test_a_push_moves_the_plant_by_its_impulse_and_the_planner_is_not_told(
    systems: ModuleType, tmp_path: Path
) -> None:
    path = systems.write_model(tmp_path, systems.CART.format(dt=0.01))
    plain = systems.with_model(systems.Plain, path)
    push = {"time": 0.1, "duration": 0.2, "body": "cart", "force": (3.0, 0.0, 0.0)}
    heavy = systems.PlainConfig.model_validate({"plant": {"pushes": [push], "mass_scale": 2.0}})
    simulation = Simulation(plain(heavy), heavy)
    simulation.reset(np.random.default_rng(0))
    for _ in range(50):
        simulation.step(np.zeros(1))
    assert simulation.data.qvel[0] == pytest.approx(3.0 * 0.2 / 2.0)
    assert not simulation.data.xfrc_applied.any()
    wrong = systems.PlainConfig.model_validate({"plant": {"pushes": [{"body": "cert"}]}})
    with pytest.raises(ModelError, match="no body called 'cert'; did you mean 'cart'"):
        Simulation(plain(wrong), wrong)


def test_there_is_always_a_plan_and_it_ends_in_the_safe_control() -> None:
    planner = AsyncController(controller_of(), math.inf, hold_after=0.5)
    with pytest.raises(PlanError, match="no plan yet"):
        planner(0.0)
    planner.start(at(0.0))
    end = planner.newest.plan.valid_until  # type: ignore[union-attr]
    np.testing.assert_array_equal(planner(end + 0.4), planner(end))
    planner(end + 0.6)
    assert planner.counts.safe == 1
    assert planner.counts.held >= 1
    planner.stop()


def test_a_planner_in_a_thread_follows_the_newest_estimate_and_survives_a_bad_one() -> None:
    with AsyncController(controller_of(), predict=False) as planner:
        planner.start(at(0.0))
        planner.observe(Estimate(np.array([np.nan, 0.0]), np.zeros(2), 0.04))
        _until(lambda: planner.counts.refused == 1)
        assert "qpos[0] (joint 'slide') is nan; the last plan stays in force" in planner.counts.said
        planner.observe(at(0.08))
        _until(lambda: planner.counts.plans == 2)
        assert planner.newest is not None
        assert planner.newest.state.time == 0.08
        changed = planner.exchange(config_of(w_control=0.5))
        assert changed.free == ("w_control",)
        planner.observe(at(0.12))
        _until(lambda: planner.counts.plans == 3)
    assert planner._controller.config.w_control == 0.5


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)
