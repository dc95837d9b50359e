"""The closed loop: plans that advance, determinism, checkpoints, and bars of quality."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from taskloom import Result
from taskloom.bound import BoundTask
from taskloom.testing import MemoryContext
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.closed_loop.trajectory import trajectory_hash
from taskloom_control.errors import ModelError, PlanError, RewardError
from taskloom_control.planning.controller import Controller
from taskloom_control.task import Array
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.cylinder_push import CylinderPush, CylinderPushConfig
from taskloom_control.tasks.lq_point_mass import LqPointMass, LqPointMassConfig
from taskloom_control.tasks.particle_goal import ParticleGoal, ParticleGoalConfig
from tests_sizes import size

QUIET = {"fan_every": 0, "animation": False}


def small(**changes: Array) -> CartpoleConfig:
    return CartpoleConfig.model_validate({"seconds": 1.0, "record": QUIET, **changes})


def pair(config: CartpoleConfig) -> tuple[Simulation, Controller]:
    return Simulation(Cartpole(config), config), Controller(Cartpole(config), config, 0)


def whole_and_resumed(task: BoundTask[Any, Any], folder: Path, stop_after: int) -> list[Result]:
    """Return the results of a run, and of one that was stopped on the way and resumed."""
    whole = task.run(MemoryContext(folder / "whole"))
    stopped = MemoryContext(folder / "stopped", stop_after=stop_after)
    task.run(stopped)
    assert stopped.latest_checkpoint is not None
    return [whole, task.run(MemoryContext(folder / "again"), stopped.latest_checkpoint)]


@pytest.mark.parametrize("spline", ["zero", "linear", "cubic", "akima"])
@pytest.mark.parametrize("frequency", [25.0, 10.0, 7.0, 3.0])
def test_plan_that_nothing_improves_is_executed_to_its_end(spline: str, frequency: float) -> None:
    """judo's plans slide along with the clock instead: its zero-order warm start never advances."""
    config = small(
        controller={"spline": spline, "control_freq": frequency},
        optimizer={"kind": "ps", "num_rollouts": 1, "num_nodes": 5},
    )
    simulation, controller = pair(config)
    simulation.reset(np.random.default_rng(0))
    knots = np.random.default_rng(1).uniform(-1, 1, (5, 1))
    first, _ = controller.plan(simulation.snapshot(), {})
    controller.search.reset(knots)
    curve = controller.grid.coefficients(controller.normalizer.decode(knots))
    controller.plan_now = original = type(first)(
        first.grid, first.start, curve, first.low, first.high
    )
    executed, expected = [], []
    for _ in range(int(1.0 * frequency)):
        plan, _ = controller.plan(simulation.snapshot(), {})
        for _ in range(max(1, round(25 / frequency))):
            executed.append(plan(simulation.time)[0])
            expected.append(original(simulation.time)[0])
            simulation.step(plan(simulation.time))
    np.testing.assert_allclose(executed, expected, atol=1e-12)
    controller.close()


@pytest.mark.parametrize("normalizer", ["none", "min_max", "running"])
@pytest.mark.parametrize("spline", ["zero", "linear", "cubic", "akima"])
def test_predictive_sampling_executes_its_winning_candidate(normalizer: str, spline: str) -> None:
    """judo's running normalizer changes its map between judging and executing."""
    config = small(
        controller={"spline": spline, "action_normalizer": normalizer},
        optimizer={"kind": "ps", "sigma": 0.3, "num_nodes": 5},
    )
    simulation, controller = pair(config)
    simulation.reset(np.random.default_rng(0))
    for _ in range(12):
        snapshot = simulation.snapshot()
        plan, stats = controller.plan(snapshot, {})
        times = snapshot.time + 0.04 * np.arange(25)
        controls = np.array([plan(t) for t in times])[None]
        rollouts = controller.engine.rollout(snapshot, controls)
        reward = controller.problem.judge(rollouts, controls)[0]
        assert reward == pytest.approx(stats.reward, rel=1e-9)
        simulation.step(plan(simulation.time))
    controller.close()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_do_not_change_a_run(play: Callable[..., ClosedLoop], threads: int) -> None:
    one = play(Cartpole(small(engine={"kind": "serial"})))
    many = play(Cartpole(small(engine={"kind": "threads", "num_threads": threads})))
    assert trajectory_hash(one.arrays()) == trajectory_hash(many.arrays())


def test_numpy_dynamics_repeat_a_run_and_equal_mujocos_to_rounding(
    play: Callable[..., ClosedLoop],
) -> None:
    """Its rollouts are array operations on one thread; the loop that it closes is the C engine's to rounding."""
    changes = {"seconds": 1.0, "record": QUIET, "optimizer": {"kind": "cem"}}
    runs = [
        play(LqPointMass(LqPointMassConfig.model_validate({**changes, "engine": {"kind": kind}})))
        for kind in ("numpy", "numpy", "threads")
    ]
    first, second, third = (loop.arrays() for loop in runs)
    assert trajectory_hash(first) == trajectory_hash(second)
    np.testing.assert_allclose(first["qpos"], third["qpos"], atol=1e-9)


def test_seed_changes_a_run_and_repeats_it(play: Callable[..., ClosedLoop]) -> None:
    first, second, third = (play(Cartpole(small()), seed) for seed in (0, 0, 1))
    hashes = [trajectory_hash(loop.arrays()) for loop in (first, second, third)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    "optimizer",
    ["ps", "mppi", "smooth_mppi", "cem", "icem", "dial", "cma_es", "shooting", "ilqr", "lqr"],
)
@pytest.mark.parametrize("normalizer", ["min_max", "running"])
def test_interrupted_run_resumes_bit_for_bit(
    tmp_path: Path, optimizer: str, normalizer: str, bound: Array
) -> None:
    config = small(
        seconds=0.8,
        controller={
            "action_normalizer": "min_max" if optimizer in ("ilqr", "lqr") else normalizer,
            "spline": "zero" if optimizer in ("ilqr", "lqr") else "cubic",
        },
        optimizer={"kind": optimizer},
    )
    whole, resumed = whole_and_resumed(bound(Cartpole(config)), tmp_path, 7)
    assert resumed.metrics == whole.metrics
    assert resumed.artifacts["hash"].read_text() == whole.artifacts["hash"].read_text()


@pytest.mark.parametrize("optimizer", ["cem", "lqr"])
def test_mocap_target_of_the_simulation_survives_a_checkpoint(
    tmp_path: Path, optimizer: str, bound: Array
) -> None:
    """LQR is solved once, around the target as it stood at the first plan; a resumed run has to know that solution."""
    config = ParticleGoalConfig.model_validate(
        {"seconds": 1.0, "record": QUIET, "optimizer": {"kind": optimizer}}
    )
    whole, resumed = whole_and_resumed(bound(ParticleGoal(config)), tmp_path, 9)
    assert resumed.metrics == whole.metrics


def test_kinetic_energy_in_the_reward_survives_a_checkpoint(
    tmp_path: Path, systems: ModuleType, bound: Array
) -> None:
    """Its sensor lags a step behind, so what it reads first is no part of MuJoCo's state."""
    xml = systems.CART.replace("<sensor>", "<sensor><e_kinetic/>")
    xml = xml.replace("<flag ", '<flag energy="enable" ')
    path = systems.write_model(tmp_path, xml.format(dt=0.05))

    class Energetic(systems.Plain):  # type: ignore[misc, name-defined]  # a class of the test's module
        model_path = path

        def reward(
            self,
            states: Array,
            sensors: Array,
            controls: Array,
            config: Array,
            system_metadata: Array = None,
        ) -> Array:
            return -((states[..., 0] - 1) ** 2).sum(-1) - sensors[..., 0].sum(-1)

    config = systems.PlainConfig.model_validate({"seconds": 1.0, "record": QUIET})
    whole, resumed = whole_and_resumed(bound(Energetic(config)), tmp_path, 9)
    assert resumed.metrics == whole.metrics
    assert whole.metrics["cost"] > 0


def test_reset_starts_the_clock_again() -> None:
    """judo's reset keeps time, activation and warm start."""
    simulation = Simulation(Cartpole(small()), small())
    simulation.reset(np.random.default_rng(0))
    start = simulation.snapshot().integration
    for _ in range(50):
        simulation.step(np.ones(1))
    assert simulation.time == pytest.approx(2.0)
    simulation.reset(np.random.default_rng(0))
    np.testing.assert_array_equal(simulation.snapshot().integration, start)
    assert simulation.time == 0.0


def test_simulated_time_is_real_when_the_simulation_steps_finer(
    tmp_path: Path, systems: ModuleType, play: Callable[..., ClosedLoop]
) -> None:
    """judo plays its finer simulation in slow motion, so its planner gets five plans where the config says one."""
    plan = systems.write_model(tmp_path, systems.CART.format(dt=0.05), "plan.xml")
    sim = systems.write_model(tmp_path, systems.CART.format(dt=0.01), "sim.xml")
    kind = systems.with_model(systems.Plain, plan, sim)
    config = systems.PlainConfig.model_validate(
        {"seconds": 1.0, "record": QUIET, "controller": {"control_freq": 20}}
    )
    loop = play(kind(config))
    assert loop.simulation.time == pytest.approx(1.0)
    assert (loop.step, loop.controller.num_plans) == (100, 20)


def test_plans_are_due_by_simulated_time_when_periods_are_not_whole_steps(
    play: Callable[..., ClosedLoop],
) -> None:
    loop = play(Cartpole(small(seconds=2.0, controller={"control_freq": 20.0})))
    times = loop.arrays()["plan_time"]
    expected = 0.04 * np.ceil(np.arange(len(times)) * 0.05 / 0.04 - 1e-9)
    np.testing.assert_allclose(times, expected, atol=1e-9)
    assert len(times) == 40


def test_reward_at_the_goal_is_a_number() -> None:
    """judo's cylinder_push divides by the distance to the goal."""
    task = CylinderPush(CylinderPushConfig())
    states = np.zeros((1, 1, 8))
    assert np.isfinite(
        task.reward(states, np.zeros((1, 1, 6)), np.zeros((1, 1, 2)), task.config)
    ).all()


def test_diverged_and_nan_candidates_are_never_chosen() -> None:
    config = small()
    simulation, controller = pair(config)
    simulation.reset(np.random.default_rng(0))
    controller.plan(simulation.snapshot(), {})
    problem = controller.problem
    z = np.zeros((4, 4, 1))
    z[2] = np.nan
    rewards = problem.evaluate(z)
    assert rewards[2] == -np.inf
    assert np.isfinite(np.delete(rewards, 2)).all()
    assert problem.diverged == 1
    controller.close()


def test_first_plan_begins_with_the_tasks_warm_start() -> None:
    class Warm(Cartpole):
        def optimizer_warm_start(self) -> np.ndarray:
            return np.array([0.6])

    config = small(optimizer={"kind": "ps", "num_rollouts": 1})
    simulation, controller = Simulation(Warm(config), config), Controller(Warm(config), config, 0)
    plan, _ = controller.plan(simulation.snapshot(), {})
    assert plan(0.0) == pytest.approx(0.6)
    controller.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"controller": {"horizon": 0.01}},
            r"horizon \(0.01 s\) is shorter than a step of the model \(0.04 s\)",
        ),
        (
            {"controller": {"spline": "cubic"}, "optimizer": {"num_nodes": 3}},
            "'cubic' needs at least 4 knots, the optimizer has 3",
        ),
        ({"optimizer": {"num_nodes": 30}}, "30 knots are more than the 25 steps"),
    ],
)
def test_plan_that_cannot_be_made_is_refused_in_one_sentence(
    changes: Array, message: str, bound: Array
) -> None:
    merged = {"optimizer": {"kind": "ps", **changes.pop("optimizer", {})}, **changes}
    task = Cartpole(small(**merged))
    with pytest.raises(PlanError, match=message):
        Controller(task, task.config, 0)
    findings = [f for f in bound(task).check() if f.level == "error"]
    assert len(findings) == 1


def test_reward_without_a_number_names_the_term(
    tmp_path: Path, systems: ModuleType, bound: Array
) -> None:
    path = systems.write_model(tmp_path, systems.CART.format(dt=0.05))
    task = systems.with_model(systems.Broken, path)(systems.PlainConfig())
    loop = ClosedLoop(bound(task), 0, 0)
    with pytest.raises(
        RewardError,
        match=r"The term 'oops' of the reward of Broken is not a finite number at time 0 s",
    ):
        loop.advance()
    loop.close()


def test_reward_of_the_wrong_shape_is_refused(
    tmp_path: Path, systems: ModuleType, bound: Array
) -> None:
    path = systems.write_model(tmp_path, systems.CART.format(dt=0.05))
    task = systems.with_model(systems.WrongShape, path)(systems.PlainConfig())
    loop = ClosedLoop(bound(task), 0, 0)
    with pytest.raises(
        RewardError, match=r"WrongShape has shape \(32, 20\); 32 rollouts need the shape \(32,\)"
    ):
        loop.advance()
    loop.close()


def test_model_that_cannot_be_used_is_refused(tmp_path: Path, systems: ModuleType) -> None:
    cases = {
        "<mujoco><worldbody><body><joint/></body></mujoco>": "does not compile",
        "<mujoco><worldbody><body><joint/><geom size='.1'/></body></worldbody></mujoco>": r"no actuator \(nu = 0\)",
    }
    for xml, message in cases.items():
        task = systems.with_model(systems.Plain, systems.write_model(tmp_path, xml))(
            systems.PlainConfig()
        )
        with pytest.raises(ModelError, match=message) as caught:
            Controller(task, task.config, 0)
        assert "\n" not in caught.value.message
    gone = systems.with_model(systems.Plain, tmp_path / "gone.xml")(systems.PlainConfig())
    with pytest.raises(ModelError, match="does not exist"):
        Controller(gone, gone.config, 0)


def test_task_without_stages_runs_with_samplers_and_is_refused_by_ilqr(
    tmp_path: Path, systems: ModuleType, play: Callable[..., ClosedLoop], bound: Array
) -> None:
    path = systems.write_model(tmp_path, systems.CART.format(dt=0.05))
    kind = systems.with_model(systems.Plain, path)
    assert play(kind(systems.PlainConfig.model_validate({"seconds": 0.5, "record": QUIET}))).done
    config = systems.PlainConfig.model_validate({"record": QUIET, "optimizer": {"kind": "ilqr"}})
    loop = ClosedLoop(bound(kind(config)), 0, 0)
    with pytest.raises(PlanError, match="need the cost of every step, and Plain only has a reward"):
        loop.advance()
    loop.close()


def test_unstable_simulation_ends_the_episode(
    tmp_path: Path, systems: ModuleType, bound: Array
) -> None:
    wild = systems.CART.replace('ctrlrange="-2 2"', 'ctrlrange="-1e300 1e300"')
    path = systems.write_model(tmp_path, wild.format(dt=0.05))
    optimizer = {"kind": "shooting", "num_rollouts": 2}
    config = systems.PlainConfig.model_validate({"record": QUIET, "optimizer": optimizer})
    loop = ClosedLoop(bound(systems.with_model(systems.Plain, path)(config)), 0, 0)
    loop.controller.task.__class__.optimizer_warm_start = lambda self: np.array([1e299])
    with np.errstate(over="ignore"):
        loop.advance()
    assert loop.simulation.unstable
    assert loop.done
    assert loop.step < loop.num_steps
    loop.close()


@pytest.mark.slow
def test_cartpole_swings_up_and_holds(play: Callable[..., ClosedLoop]) -> None:
    """Three seeds; the benchmark has twenty."""
    for seed in range(3):
        loop = play(Cartpole(CartpoleConfig.model_validate({"record": QUIET})), seed)
        assert loop.arrays()["success"][-50:].all()


@pytest.mark.slow
def test_cylinder_push_beats_judos_best_mean_cost(play: Callable[..., ClosedLoop]) -> None:
    """judo's best planner costs 0.135 per step over twenty seeds."""
    costs = []
    for seed in range(size("pushed_cylinders")):
        loop = play(CylinderPush(CylinderPushConfig.model_validate({"record": QUIET})), seed)
        costs.append(-loop.arrays()["reward"].mean())
    assert np.mean(costs) < 0.1


@pytest.mark.parametrize(("normalizer", "scale"), [("min_max", 1.8), ("none", 1.0)])
def test_noise_is_scaled_to_the_control_range(normalizer: str, scale: float) -> None:
    """judo's noise is in actuator units, so a strong actuator is never used and a weak one is always saturated."""
    optimizer = {"kind": "ps", "sigma": 0.1, "finest": 1.0, "num_rollouts": 4000}
    config = small(optimizer=optimizer, controller={"action_normalizer": normalizer})
    simulation, controller = pair(config)
    controller.plan(simulation.snapshot(), {})
    controls = controller.engine.buffer(4000, 25)
    assert controls[1:].std() == pytest.approx(0.1 * scale, rel=0.03)
    controller.close()


def test_plan_executes_the_spline_that_was_planned() -> None:
    """judo publishes knots without their order, so its simulation holds what its planner bent."""
    config = small(
        controller={"spline": "cubic"}, optimizer={"kind": "ps", "num_rollouts": 1, "num_nodes": 5}
    )
    simulation, controller = pair(config)
    controller.plan(simulation.snapshot(), {})
    knots = np.random.default_rng(0).uniform(-0.5, 0.5, (5, 1))
    controller.search.reset(knots)
    plan, _ = controller.plan(simulation.snapshot(), {})
    assert len({round(float(plan(t)[0]), 9) for t in (0.0, 0.06, 0.12, 0.18)}) == 4
    for k in range(5):
        assert plan(0.25 * k)[0] == pytest.approx(1.8 * knots[k, 0])
    controller.close()
