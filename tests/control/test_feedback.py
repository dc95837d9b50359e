"""Feedback between plans: iLQR's gains are those of the Riccati equation, and the closed loop executes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from taskloom.bound import BoundTask
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.plan import ControlPlan
from taskloom_control.tasks.lq_point_mass import LqPointMass, LqPointMassConfig
from taskloom_control.tasks.pendulum import Pendulum, PendulumConfig

STEPS, DT = 20, 0.05
# Derivatives of a linear system have no error of their own, and round off less with a wide step.
SOLVER = {"optimizer": {"kind": "ilqr"}}
FEEDBACK = {"horizon": STEPS * DT, "iterations": 3, "feedback": "ilqr"}


def gains_at(plan: ControlPlan, moment: float) -> np.ndarray:
    found = plan.gains(moment)
    assert found is not None
    return found


def config_of(**controller: object) -> LqPointMassConfig:
    return LqPointMassConfig.model_validate({**SOLVER, "controller": {**FEEDBACK, **controller}})


def riccati() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A, B and the optimal gains of every step, by the textbook recursion."""
    A, B = np.array([[1, DT], [0, 1]]), np.array([[DT * DT], [DT]])
    Q, R, P, gains = np.diag([1.0, 0.1]), np.array([[0.01]]), np.zeros((2, 2)), []
    for _ in range(STEPS):
        W = P + Q
        K = np.linalg.solve(R + B.T @ W @ B, B.T @ W @ A)
        P = A.T @ W @ A - A.T @ W @ B @ K
        gains.append(-K)
    return A, B, np.array(gains[::-1])


def simulation_at(config: LqPointMassConfig, x: float, v: float) -> Simulation:
    simulation = Simulation(LqPointMass(config), config)
    simulation.data.qpos[0], simulation.data.qvel[0] = x, v
    return simulation


@pytest.mark.parametrize(("x", "v"), [(0.0, 0.0), (1.0, -0.5), (-0.5, 0.7)])
def test_gains_are_those_of_the_finite_horizon(x: float, v: float) -> None:
    config = config_of()
    controller = Controller(LqPointMass(config), config, 0)
    plan, _ = controller.plan(simulation_at(config, x, v).snapshot())
    found = np.stack([gains_at(plan, k * DT + DT / 2) for k in range(STEPS)])
    np.testing.assert_allclose(found, riccati()[2], rtol=0, atol=1e-9)
    assert np.array_equal(gains_at(plan, STEPS * DT + 0.01), np.zeros((1, 2)))
    controller.close()


def test_a_disturbed_plan_goes_on_as_the_optimal_one_from_where_it_is() -> None:
    config = config_of()
    simulation = simulation_at(config, 0.1, 0.0)
    controller = Controller(LqPointMass(config), config, 0)
    plan, _ = controller.plan(simulation.snapshot())
    A, B, gains = riccati()
    x = np.array([0.1, 0.0])
    for k in range(STEPS):
        if k == 4:  # a blow that no plan foresaw
            simulation.data.qvel[0] += 0.4
            x[1] += 0.4
        control = plan.corrected(simulation.time, simulation.data.qpos, simulation.data.qvel)
        optimal = gains[k] @ x
        np.testing.assert_allclose(control, optimal, rtol=1e-9, atol=1e-9)
        simulation.step(control)
        x = A @ x + B @ optimal
        state = np.concatenate([simulation.data.qpos, simulation.data.qvel])
        np.testing.assert_allclose(state, x, rtol=0, atol=1e-9)
    controller.close()


def test_a_control_at_its_bound_does_not_react() -> None:
    config = config_of(iterations=20)
    controller = Controller(LqPointMass(config), config, 0)
    plan, _ = controller.plan(simulation_at(config, 4.0, 0.0).snapshot())
    held = [k for k in range(STEPS) if plan(k * DT)[0] == -10.0]
    assert held
    assert all(not gains_at(plan, k * DT).any() for k in held)
    assert any(gains_at(plan, k * DT).any() for k in range(STEPS))
    controller.close()


def test_the_closed_loop_executes_the_gains_between_plans() -> None:
    """Planning once a second, a push is answered at once with feedback, and only by the next plan without."""
    pushes = [{"time": 0.2, "duration": 0.1, "body": "mass", "force": [20.0, 0.0, 0.0]}]
    costs = {}
    for feedback in ("none", "ilqr"):
        config = LqPointMassConfig.model_validate(
            {
                **SOLVER,
                "controller": {**FEEDBACK, "control_freq": 1.0, "feedback": feedback},
                "plant": {"pushes": pushes},
                "seconds": 2.0,
            }
        )
        made: Any = LqPointMass
        loop = ClosedLoop(BoundTask(made(config), config, made), 0, 3)
        while not loop.done:
            loop.advance()
        costs[feedback] = -float(loop.arrays()["reward"].sum())
        loop.close()
    assert costs["ilqr"] < 0.9 * costs["none"]


def test_off_by_default_and_a_plan_without_gains_is_executed_as_it_is() -> None:
    config = config_of(feedback="none")
    assert LqPointMassConfig().controller.feedback == "none"
    simulation = simulation_at(config, 1.0, 0.0)
    controller = Controller(LqPointMass(config), config, 0)
    plan, _ = controller.plan(simulation.snapshot())
    assert plan.gains(0.0) is None
    elsewhere = plan.corrected(0.1, np.array([9.0]), np.array([9.0]))
    assert np.array_equal(elsewhere, plan(0.1))
    controller.close()


def test_another_optimizer_has_no_gains() -> None:
    with pytest.raises(ValidationError, match="choose optimizer=ilqr"):
        PendulumConfig.model_validate({"controller": {"feedback": "ilqr"}})
    config = PendulumConfig.model_validate(
        {"controller": {"feedback": "ilqr"}, "optimizer": {"kind": "ilqr"}}
    )
    simulation = Simulation(Pendulum(config), config)
    simulation.reset(np.random.default_rng(0))
    controller = Controller(Pendulum(config), config, 0)
    plan, _ = controller.plan(simulation.snapshot())
    assert gains_at(plan, 0.0).shape == (1, 2)
    controller.close()
