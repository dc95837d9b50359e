"""Constraints on states and controls: the published optimum of the constrained LQ problem, derivatives, closed loops, penalties."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize
from taskloom.bound import BoundTask
from taskloom.testing import MemoryContext
from taskloom_control import driver
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.config import ControlConfig
from taskloom_control.errors import RewardError
from taskloom_control.optimizers.linear import LocalModel
from taskloom_control.planning.controller import Controller
from taskloom_control.task import Array, ControlTask, Metadata
from taskloom_control.tasks.lq_point_mass import LqPointMass, LqPointMassConfig
from taskloom_control.tasks.particle_goal import ParticleGoal, ParticleGoalConfig

QUIET = {"animation": False, "fan_every": 0}


class SlowMass(LqPointMass):
    """The point mass, no faster than one metre a second backwards."""

    def constraints(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: LqPointMassConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        return {"speed": -1.0 - states[..., 1]}


class AroundAPost(ParticleGoal):
    """The particle with a round post between it and its target, and a limit of its speed."""

    def constraints(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ParticleGoalConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        away = states[..., :2] - np.array([0.1, 0.02])
        return {
            "post": 0.2 - np.sqrt((away**2).sum(-1)),
            "speed": (states[..., 2:4] ** 2).sum(-1) - 1.0,
        }

    def reset(self, rng: np.random.Generator) -> None:
        self.view.qpos = np.array([-0.5, 0.0])
        self.view.mocap_pos("target")[:2] = 0.6, 0.0


class Misshapen(SlowMass):
    def constraints(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: LqPointMassConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        return {"speed": states[..., 0, 1]}


def mass(optimizer: object, **changes: object) -> LqPointMassConfig:
    values = {"optimizer": optimizer, "controller": {"horizon": 1.0}, "record": QUIET, **changes}
    return LqPointMassConfig.model_validate(values)


def planned(
    task: Callable[[Any], ControlTask[Any]], config: ControlConfig, start: float = 1.0
) -> tuple[float, np.ndarray, Controller]:
    """Return the reward of a plan from a point at rest, its controls, and the controller."""
    simulation, controller = Simulation(task(config), config), Controller(task(config), config, 0)
    simulation.data.qpos[0] = start
    plan, stats = controller.plan(simulation.snapshot(), {})
    controller.close()
    return stats.reward, np.array([plan(0.05 * k)[0] for k in range(20)]), controller


def constrained_optimum() -> tuple[float, np.ndarray]:
    """Return the optimum of the constrained problem by another method: a quadratic program over the controls."""
    dt, velocities, positions = 0.05, np.zeros((20, 20)), np.zeros((20, 20))
    for k in range(20):
        velocities[k, : k + 1] = dt
        positions[k] = (positions[k - 1] if k else 0) + dt * velocities[k]

    def cost(u: np.ndarray) -> float:
        x, v = 1 + positions @ u, velocities @ u
        return float(x @ x + 0.1 * v @ v + 0.01 * u @ u)

    def slope(u: np.ndarray) -> np.ndarray:
        x, v = 1 + positions @ u, velocities @ u
        return np.asarray(2 * positions.T @ x + 0.2 * velocities.T @ v + 0.02 * u)

    found = minimize(
        cost,
        np.zeros(20),
        jac=slope,
        method="SLSQP",
        constraints=LinearConstraint(velocities, -1.0, np.inf),
        options={"maxiter": 500, "ftol": 1e-15},
    )
    return float(found.fun), found.x


def test_constrained_lq_problem_has_the_reference_optimum() -> None:
    config = mass({"kind": "ilqr", "feasibility": 1e-11, "outer_iterations": 20})
    reward, controls, controller = planned(SlowMass, config)
    assert -reward == pytest.approx(10.021437569501, rel=1e-10)
    assert controls[0] == pytest.approx(-8.309153402267, abs=1e-6)
    multipliers = controller.search.multipliers[:, 0]  # type: ignore[union-attr]
    assert np.flatnonzero(multipliers > 1e-6).tolist() == [4, 5, 6, 7, 8, 9]
    assert multipliers.max() == pytest.approx(0.4413, abs=1e-4)
    # A second implementation agrees about all of the plan.
    value, other = constrained_optimum()
    assert value == pytest.approx(10.021437569501, rel=1e-7)
    np.testing.assert_allclose(controls, other, atol=2e-2)
    # Without constraints the same task has its published optimum, to the bit of before.
    assert planned(LqPointMass, mass({"kind": "ilqr"}))[0] > reward


def test_what_constraints_add_has_the_derivatives_of_a_smooth_function() -> None:
    config = ParticleGoalConfig.model_validate({"optimizer": {"kind": "ilqr"}})
    task = AroundAPost(config)
    simulation, controller = Simulation(AroundAPost(config), config), Controller(task, config, 0)
    simulation.reset(np.random.default_rng(0))
    simulation.data.qpos[:], simulation.data.qvel[:] = (-0.2, 0.1), (0.9, 0.6)
    controller.plan(simulation.snapshot(), {})
    local = LocalModel(controller.problem, 1e-6)
    path = local.simulate(np.random.default_rng(1).uniform(-1, 1, (6, 2)))
    rng = np.random.default_rng(2)
    # Multipliers well away from the kink of max(0, .), where no function of finite differences is smooth.
    multipliers = rng.uniform(1, 2, local.violations(path).shape) * rng.choice([-50, 1], (6, 2))
    plain = local.expand(path)
    local.penalize(multipliers, 3.0)
    pulled = local.expand(path)
    step = 1e-5
    for k in range(6):
        for i in range(4):
            moved = []
            for sign in (1, -1):
                other = local.simulate(path.controls)
                target = other.qpos if i < 2 else other.rest
                target[k + 1, i % 2] += sign * step
                values = local.violations(other)[k]
                force = np.maximum(0.0, multipliers[k] + 3.0 * values)
                moved.append(float((force**2).sum()) / 6.0)
            slope = (moved[0] - moved[1]) / (2 * step)
            assert pulled.cx[k, i] - plain.cx[k, i] == pytest.approx(slope, rel=1e-5, abs=1e-5)
        change = pulled.cxx[k] - plain.cxx[k]
        assert np.linalg.eigvalsh(change).min() > -1e-9
    controller.close()


def closed_loop(
    task: Callable[[Any], ControlTask[Any]], config: ControlConfig, folder: Path
) -> Mapping[str, float]:
    bound: BoundTask[Any, Any] = BoundTask(task(config), config, task, driver, "control/own")
    return bound.run(MemoryContext(folder)).metrics


def test_closed_loops_keep_limits_and_go_around_obstacles(tmp_path: Path) -> None:
    values = {"seconds": 1.6, "hold": 0.1, "speed": 0.0, "record": QUIET, "baseline": False}
    config = ParticleGoalConfig.model_validate(
        {
            **values,
            "optimizer": {"kind": "ilqr"},
            "controller": {"horizon": 0.5, "control_freq": 12.5},
        }
    )
    metrics = closed_loop(AroundAPost, config, tmp_path / "kept")
    assert metrics["success"] == 1.0
    assert metrics["violation_max"] <= 1e-3
    # The same without constraints runs through the post, and has no such figures.
    free = closed_loop(ParticleGoal, config, tmp_path / "free")
    assert "violation_max" not in free
    sampled = ParticleGoalConfig.model_validate(
        {**values, "controller": {"horizon": 0.5, "spline": "linear", "penalty": 0.0}}
    )
    careless = closed_loop(AroundAPost, sampled, tmp_path / "careless")
    paid = sampled.model_copy(
        update={"controller": sampled.controller.model_copy(update={"penalty": 100.0})}
    )
    careful = closed_loop(AroundAPost, paid, tmp_path / "careful")
    assert careful["violation_max"] < 0.1 * careless["violation_max"]
    assert 0 <= careful["violation_share"] < careless["violation_share"]


def test_penalty_is_what_a_candidate_pays() -> None:
    optimizer = {"kind": "ps", "num_rollouts": 1}
    free, _, _ = planned(LqPointMass, mass(optimizer))
    kept, _, controller = planned(SlowMass, mass(optimizer))
    assert kept == free  # standing still violates nothing
    problem = controller.problem
    controls = np.full((1, 20, 1), -10.0)
    rollouts = problem.engine.rollout(problem.snapshot, controls)
    velocities = -0.5 * np.arange(1, 21)
    beyond = np.maximum(0.0, -1.0 - velocities).sum()
    plain = float(
        LqPointMass(mass(optimizer)).reward(
            rollouts.states, rollouts.sensors, controls, mass(optimizer)
        )[0]
    )
    assert problem.judge(rollouts, controls)[0] == pytest.approx(plain - 100.0 * beyond, rel=1e-12)


def test_what_no_plan_can_keep_is_said_and_violated_least(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = mass({"kind": "ilqr"})
    simulation, controller = (
        Simulation(SlowMass(config), config),
        Controller(SlowMass(config), config, 0),
    )
    simulation.data.qpos[0], simulation.data.qvel[0] = 1.0, -3.0
    with caplog.at_level(logging.WARNING):
        plan, stats = controller.plan(simulation.snapshot(), {})
    # One step of the largest force changes the speed by .5: the first is 1.5 too fast at best.
    assert "no plan at 0 s keeps the constraints" in caplog.text
    assert "exceeds them by 1.5" in caplog.text
    assert np.isfinite(stats.reward)
    assert plan(0.0)[0] == pytest.approx(10.0, abs=1e-2)
    controller.close()


def test_multipliers_go_on_with_their_steps_and_through_a_checkpoint() -> None:
    config = mass({"kind": "ilqr"})
    simulation, controller = (
        Simulation(SlowMass(config), config),
        Controller(SlowMass(config), config, 0),
    )
    simulation.data.qpos[0] = 1.0
    controller.plan(simulation.snapshot(), {})
    before = controller.search.multipliers.copy()  # type: ignore[union-attr]
    controller.search.shift(3)
    np.testing.assert_array_equal(controller.search.multipliers[:-3], before[3:])  # type: ignore[union-attr]
    other = Controller(SlowMass(config), config, 0)
    other.restore(controller.state())
    np.testing.assert_array_equal(
        other.search.multipliers,  # type: ignore[union-attr]
        controller.search.multipliers,  # type: ignore[union-attr]
    )
    controller.close()
    other.close()


@pytest.mark.parametrize("optimizer", [{"kind": "ilqr"}, {"kind": "ps"}])
def test_a_constraint_of_another_shape_is_refused(optimizer: object) -> None:
    with pytest.raises(RewardError, match=r"'speed' of Misshapen has shape .* need the shape"):
        planned(Misshapen, mass(optimizer))
