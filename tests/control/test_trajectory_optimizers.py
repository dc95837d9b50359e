"""LQR and iLQR: the exact optimum of the LQ point mass, box constraints, derivatives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.linalg import solve_discrete_are
from scipy.optimize import minimize
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.errors import PlanError
from taskloom_control.optimizers.backward import solve_box
from taskloom_control.optimizers.linear import LocalModel
from taskloom_control.planning.controller import Controller
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.lq_point_mass import LqPointMass, LqPointMassConfig

OPTIMUM, FIRST_CONTROL = 9.833599405983701, -8.533383838874288


def plan_point_mass(optimizer: dict[str, object], iterations: int = 1) -> tuple[float, float]:
    """Return cost and first control of a plan from x = 1, v = 0."""
    config = LqPointMassConfig.model_validate(
        {"optimizer": optimizer, "controller": {"horizon": 1.0, "iterations": iterations}}
    )
    simulation, controller = (
        Simulation(LqPointMass(config), config),
        Controller(LqPointMass(config), config, 0),
    )
    simulation.data.qpos[0] = 1.0
    plan, stats = controller.plan(simulation.snapshot(), {})
    controller.close()
    return -stats.reward, float(plan(0.0)[0])


def riccati_cost() -> float:
    """Return the optimum by the textbook recursion, written apart from the code under test."""
    dt = 0.05
    A, B = np.array([[1, dt], [0, 1]]), np.array([[dt * dt], [dt]])
    Q, R, P = np.diag([1.0, 0.1]), np.array([[0.01]]), np.zeros((2, 2))
    for _ in range(20):
        W = P + Q
        K = np.linalg.solve(R + B.T @ W @ B, B.T @ W @ A)
        P = A.T @ W @ A - A.T @ W @ B @ K
    return float(P[0, 0])


def test_published_optimum_is_the_textbooks() -> None:
    assert riccati_cost() == pytest.approx(OPTIMUM, rel=1e-12)


def test_doing_nothing_costs_twenty() -> None:
    config = LqPointMassConfig.model_validate({"optimizer": {"kind": "ps", "num_rollouts": 1}})
    simulation, controller = (
        Simulation(LqPointMass(config), config),
        Controller(LqPointMass(config), config, 0),
    )
    simulation.data.qpos[0] = 1.0
    _, stats = controller.plan(simulation.snapshot(), {})
    assert -stats.reward == pytest.approx(20.0, rel=1e-12)
    controller.close()


@pytest.mark.parametrize(("kind", "iterations"), [("ilqr", 2), ("lqr", 1)])
def test_trajectory_optimizer_finds_the_optimum(kind: str, iterations: int) -> None:
    cost, control = plan_point_mass({"kind": kind}, iterations)
    assert cost == pytest.approx(OPTIMUM, rel=1e-9)
    assert control == pytest.approx(FIRST_CONTROL, abs=1e-5)


@pytest.mark.parametrize(("kind", "gap"), [("ps", 1e-3), ("mppi", 5e-4), ("cem", 5e-4)])
def test_sampler_approaches_the_optimum(kind: str, gap: float) -> None:
    """200 iterations of 32 rollouts."""
    optimizer: dict[str, object] = {"kind": kind, "num_nodes": 20}
    if kind != "cem":
        optimizer["sigma"] = 0.03
    cost, _ = plan_point_mass(optimizer, 200)
    assert OPTIMUM * (1 - 1e-12) <= cost < OPTIMUM * (1 + 20 * gap)


@given(seed=st.integers(0, 5000), m=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_box_solver_finds_the_constrained_minimum(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(m, m))
    H, g = root @ root.T + 0.1 * np.eye(m), rng.normal(size=m) * 3
    low, high = -rng.uniform(0.05, 1, m), rng.uniform(0.05, 1, m)
    solved = solve_box(H, g, low, high)
    assert solved is not None
    x, free = solved
    gradient = H @ x + g
    assert ((x >= low) & (x <= high)).all()
    assert np.abs(gradient[free]).max(initial=0) < 1e-8
    assert (gradient[~free] * np.where(x[~free] <= low[~free], 1, -1) >= -1e-9).all()
    reference = minimize(
        lambda y: 0.5 * y @ H @ y + g @ y, np.zeros(m), bounds=list(zip(low, high, strict=True))
    )
    assert 0.5 * x @ H @ x + g @ x <= reference.fun + 1e-6


def test_ilqr_respects_the_control_range() -> None:
    config = LqPointMassConfig.model_validate(
        {"optimizer": {"kind": "ilqr"}, "controller": {"iterations": 20}}
    )
    simulation, controller = (
        Simulation(LqPointMass(config), config),
        Controller(LqPointMass(config), config, 0),
    )
    simulation.data.qpos[0] = 4.0
    plan, stats = controller.plan(simulation.snapshot(), {})
    controls = np.array([plan(0.05 * k)[0] for k in range(20)])
    assert controls[0] == -10.0
    assert np.abs(controls).max() <= 10.0

    def cost(u: np.ndarray) -> float:
        x, v, total = 4.0, 0.0, 0.0
        for force in u:
            v += 0.05 * force
            x += 0.05 * v
            total += x * x + 0.1 * v * v + 0.01 * force * force
        return total

    reference = minimize(
        cost, np.zeros(20), bounds=[(-10, 10)] * 20, options={"maxiter": 2000, "ftol": 1e-14}
    )
    assert -stats.reward == pytest.approx(reference.fun, rel=1e-6)
    controller.close()


def test_cost_derivatives_equal_the_closed_form() -> None:
    config = CartpoleConfig.model_validate({"optimizer": {"kind": "ilqr"}})
    simulation, controller = (
        Simulation(Cartpole(config), config),
        Controller(Cartpole(config), config, 0),
    )
    simulation.reset(np.random.default_rng(0))
    controller.problem.begin(simulation.snapshot(), {}, 0.0, None)
    local = LocalModel(controller.problem, 1e-6)
    path = local.simulate(np.full((25, 1), 0.3))
    model = local.expand(path)
    x, v = path.qpos[1:, 0], path.rest[1:]
    np.testing.assert_allclose(model.cx[:, 0], 10 * x / np.sqrt(x**2 + 0.01), rtol=1e-6)
    np.testing.assert_allclose(model.cx[:, 2:], 0.1 * v, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.cz[:, -1], 0.1 * path.controls[:, 0], atol=1e-7)
    np.testing.assert_allclose(model.cxx[:, 0, 0], 0.1 / (x**2 + 0.01) ** 1.5, rtol=1e-3, atol=1e-4)
    controller.close()


def test_simulated_feedback_rolls_out_like_mj_step() -> None:
    config = CartpoleConfig.model_validate({"optimizer": {"kind": "ilqr"}})
    simulation, controller = (
        Simulation(Cartpole(config), config),
        Controller(Cartpole(config), config, 0),
    )
    simulation.reset(np.random.default_rng(0))
    controller.problem.begin(simulation.snapshot(), {}, 0.0, None)
    controls = np.random.default_rng(0).uniform(-1, 1, (25, 1))
    path = LocalModel(controller.problem, 1e-6).simulate(controls)
    made = controller.engine.rollout(simulation.snapshot(), controls[None])
    np.testing.assert_array_equal(made.states[0, :, :2], path.qpos[1:])
    controller.close()


def test_lqr_gain_is_the_stationary_one_on_a_long_horizon() -> None:
    config = LqPointMassConfig.model_validate({"controller": {"horizon": 10.0}})
    simulation, controller = (
        Simulation(LqPointMass(config), config),
        Controller(LqPointMass(config), config, 0),
    )
    simulation.data.qpos[0] = 0.5
    plan, _ = controller.plan(simulation.snapshot(), {})
    dt = 0.05
    A, B = np.array([[1, dt], [0, 1]]), np.array([[dt * dt], [dt]])
    Q, R = np.diag([1.0, 0.1]), np.array([[0.01]])
    P = solve_discrete_are(A, B, Q, R)
    # The cost counts the state after the control: that is the usual one with the first state added.
    K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
    assert plan(0.0)[0] == pytest.approx(float(-(K @ [0.5, 0.0])[0]), rel=1e-5)
    controller.close()


def test_ilqr_swings_up_the_pendulum(play: Callable[..., ClosedLoop]) -> None:
    from taskloom_control.tasks.pendulum import Pendulum, PendulumConfig

    config = PendulumConfig.model_validate(
        {
            "seconds": 4.0,
            "optimizer": {"kind": "ilqr"},
            "record": {"fan_every": 0, "animation": False},
        }
    )
    loop = play(Pendulum(config))
    assert -loop.arrays()["reward"][-25:].mean() < 0.05


def test_expansion_works_on_quaternions_activations_and_sensors(
    tmp_path: Path, systems: ModuleType
) -> None:
    class Everything(systems.StagedTask):  # type: ignore[misc, name-defined]  # a class of the test's module
        model_path = systems.write_model(tmp_path, systems.EVERYTHING)

        def __init__(self, config: object) -> None:
            super().__init__(config)

        def costs(self, states, sensors, controls, config, system_metadata=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            gap = sensors[..., self.sensor("gap")]
            return {"gap": (gap * gap).sum(-1), "control": 0.1 * (controls * controls).sum(-1)}

    config = systems.PlainConfig.model_validate(
        {"controller": {"horizon": 0.2}, "optimizer": {"kind": "ilqr"}}
    )
    task = Everything(config)
    simulation, controller = (
        Simulation(Everything(config), config),
        Controller(task, task.config, 0),
    )
    simulation.reset(np.random.default_rng(0))
    before = controller.problem
    before.begin(simulation.snapshot(), {}, 0.0, None)
    local = LocalModel(before, 1e-6)
    nothing = local.simulate(np.zeros((20, 2)))
    model = local.expand(nothing)
    assert local.size == 2 * task.model.nv + 1
    assert np.isfinite(model.A).all()
    # The derivative of the whole cost by the first controls, against a difference of two rollouts.
    h = 1e-5
    for column in range(2):
        bumped = np.zeros((20, 2))
        bumped[:, column] = h
        up, down = local.simulate(bumped).cost, local.simulate(-bumped).cost
        direct = (up - down) / (2 * h)
        adjoint, total = np.zeros(local.size), 0.0
        for k in reversed(range(20)):
            W = adjoint + model.cx[k]
            total += model.cz[k][local.size + column] + model.B[k][:, column] @ W
            adjoint = model.cz[k][: local.size] + model.A[k].T @ W
        assert total == pytest.approx(direct, rel=1e-3, abs=1e-6)
    controller.close()
    assert mujoco.mjVERSION_HEADER > 0


def test_integrator_without_derivatives_is_refused_in_a_sentence() -> None:
    config = CartpoleConfig.model_validate({"optimizer": {"kind": "ilqr"}})
    task = Cartpole(config)
    task.model.opt.integrator = mujoco.mjtIntegrator.mjINT_RK4
    simulation, controller = Simulation(Cartpole(config), config), Controller(task, task.config, 0)
    simulation.reset(np.random.default_rng(0))
    with pytest.raises(PlanError, match="does not have for the integrator RK4; set"):
        controller.plan(simulation.snapshot(), {})
    controller.close()
