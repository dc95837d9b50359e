"""The shipped tasks: judo's numbers, one reward for every array namespace, and what each begins with."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from taskloom.opening import open_task
from taskloom_control.closed_loop.checks import all_findings
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.domain import DOMAIN
from taskloom_control.task import Array
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.cube_in_hand import turn_between
from taskloom_control.tasks.cylinder_push import CylinderPush, CylinderPushConfig
from taskloom_control.tasks.u_maze import way_to_goal

TARGETS = {ref.name: ref.target for ref in DOMAIN.tasks if not ref.needs}


def make(name: str) -> Array:
    return open_task(f"control/{name}").task


@pytest.mark.parametrize("name", list(TARGETS))
def test_task_passes_its_own_lint(name: str) -> None:
    """Shapes, numbers, order of rollouts, engines bit for bit, NumPy against jax.numpy, gymnasium."""
    findings = list(all_findings(open_task(f"control/{name}")))
    assert [f.message for f in findings if f.level == "error"] == []
    assert any("jax.numpy: ok" in f.message for f in findings)


@pytest.mark.parametrize("name", list(TARGETS))
def test_every_term_is_the_same_on_numpy_and_on_jax(name: str) -> None:
    """In double precision, on arbitrary states; in every phase of a task that has phases."""
    jax = pytest.importorskip("jax")
    task, rng = make(name), np.random.default_rng(3)
    model = task.model
    states = rng.normal(size=(3, 4, model.nq + model.nv))
    sensors, controls = (
        rng.normal(size=(3, 4, model.nsensordata)),
        rng.normal(size=(3, 4, model.nu)),
    )
    metadata = Simulation(make(name), task.config).task.get_sim_metadata()
    phases = [(0, False), (0, True), (1, True), (2, True), (3, False)]
    for phase, closing in phases if name == "arm_pick" else [(0, False)]:
        task.phase, task.closing = phase, closing
        expected = task.costs(states, sensors, controls, task.config, metadata)
        rewards = task.reward(states, sensors, controls, task.config, metadata)
        with jax.enable_x64(True):
            arrays = [jax.numpy.asarray(array) for array in (states, sensors, controls)]
            found = task.costs(*arrays, task.config, metadata)
            again = task.reward(*arrays, task.config, metadata)
            assert all(isinstance(value, jax.Array) for value in (*found.values(), again))
            assert found.keys() == expected.keys()
            for term, values in expected.items():
                assert values.shape == (3, 4), term
                np.testing.assert_allclose(
                    found[term], values, rtol=1e-11, atol=1e-13, err_msg=term
                )
            np.testing.assert_allclose(again, rewards, rtol=1e-11)


@pytest.mark.parametrize("name", list(TARGETS))
def test_model_is_small_and_has_a_trace(name: str) -> None:
    task = make(name)
    assert task.model_path.stat().st_size < 20_000
    assert task.model.nmesh == 0
    kinds = task.model.sensor_type == int(mujoco.mjtSensor.mjSENS_FRAMEPOS)
    names = [
        mujoco.mj_id2name(task.model, mujoco.mjtObj.mjOBJ_SENSOR, i) for i in np.flatnonzero(kinds)
    ]
    assert any(name.startswith("trace") for name in names)


# A motion is followed from its own beginning, so nothing is amiss there.
UNSOLVED = [name for name in TARGETS if name not in ("quadruped_trot", "track")]


@pytest.mark.parametrize("name", UNSOLVED)
def test_episode_begins_unsolved_and_without_deep_contacts(name: str) -> None:
    task = make(name)
    simulation = Simulation(task, task.config)
    solved = 0
    for seed in range(10):
        simulation.reset(np.random.default_rng(seed))
        solved += task.success()
        depth = min((contact.dist for contact in task.data.contact), default=0.0)
        assert depth > -0.01
    assert solved <= 2


def test_cartpole_has_judos_numbers() -> None:
    model = make("cartpole").model
    assert (model.nq, model.nv, model.nu, model.opt.timestep) == (2, 2, 1, 0.04)
    np.testing.assert_allclose(model.body_mass[1:], [1.0, 0.1])
    np.testing.assert_allclose(model.dof_damping, [10.0, 0.0])
    np.testing.assert_allclose(model.actuator_ctrlrange, [[-1.8, 1.8]])
    np.testing.assert_allclose(model.actuator_forcerange, [[-10, 10]])
    assert model.actuator_gainprm[0, 0] == 100
    assert model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_CONTACT)


def test_cartpole_has_judos_reward() -> None:
    task = Cartpole(CartpoleConfig())
    rng = np.random.default_rng(0)
    states, controls = rng.normal(size=(6, 9, 4)), rng.normal(size=(6, 9, 1))
    smooth = lambda z, p: np.sqrt(z**2 + p**2) - p  # noqa: E731 -- the formula
    expected = -(
        10 * smooth(np.cos(states[..., 1]) - 1, 0.01)
        + 10 * smooth(states[..., 0], 0.1)
        + 0.1 * 0.5 * (states[..., 2] ** 2 + states[..., 3] ** 2)
        + 0.1 * 0.5 * controls[..., 0] ** 2
    ).sum(axis=1)
    got = task.reward(states, np.zeros((6, 9, 6)), controls, task.config)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_cylinder_push_has_judos_numbers_and_reward() -> None:
    task = CylinderPush(CylinderPushConfig(goal_x=0.2, goal_y=-0.4))
    model = task.model
    assert (model.nq, model.nv, model.nu, model.opt.timestep) == (4, 4, 2, 0.02)
    np.testing.assert_allclose(model.dof_damping, 4.0)
    np.testing.assert_allclose(model.body_mass[1:], 1.0)
    np.testing.assert_allclose(model.actuator_ctrlrange, [[-10, 10]] * 2)
    np.testing.assert_allclose(model.geom_size[-1][:2], [0.25, 0.1])
    states = np.random.default_rng(0).normal(size=(5, 7, 8))
    pusher, cart, goal = states[..., :2], states[..., 2:4], np.array([0.2, -0.4])
    direction = (goal - cart) / np.linalg.norm(goal - cart, axis=-1, keepdims=True)
    half = lambda z: 0.5 * (z**2).sum(-1)  # noqa: E731 -- the formula
    expected = -(0.5 * half(pusher - (cart - 0.25 * direction)) + 0.1 * half(cart - goal)).sum(1)
    got = task.reward(states, np.zeros((5, 7, 6)), np.zeros((5, 7, 2)), task.config)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_way_out_of_the_maze_grows_towards_the_trap() -> None:
    """Inside the U the way leads out; outside it is the straight one."""
    places = np.array([[0.3, 0.0], [-0.4, 0.2], [-0.64, 0.55], [0.0, 0.56], [0.6, 0.3]])
    ways = way_to_goal(places)
    assert (np.diff(ways) < 0).all()
    assert way_to_goal(np.array([0.8, 0.0])) == pytest.approx(0.1)


def test_angle_between_turns_is_exact_near_zero() -> None:
    states = np.zeros((1, 3, 7))
    for i, angle in enumerate((1e-7, 0.3, 3.0)):
        states[0, i, 3:7] = [np.cos(angle / 2), np.sin(angle / 2), 0, 0]
    angles = turn_between(states, np.array([1.0, 0, 0, 0]))[0]
    np.testing.assert_allclose(angles[1:], [0.3, 3.0], rtol=1e-9)
    assert angles[0] < 1e-6


def test_goals_in_the_hand_follow_the_state_of_the_physics() -> None:
    """A goal reached sets the next one; the count and the goal live in MuJoCo's state."""
    task = make("hand_cube")
    simulation = Simulation(task, task.config)
    simulation.reset(np.random.default_rng(0))
    first = task.data.mocap_quat[0].copy()
    task.data.qpos[3:7] = first
    task.post_sim_step()
    assert task.episode_metrics() == {"goals": 1.0}
    second = task.data.mocap_quat[0].copy()
    assert abs(first @ second) < 0.999
    np.testing.assert_array_equal(task.get_sim_metadata()["goal"], second)
    task.data.qpos[2] = -1.0
    task.post_sim_step()
    assert task.data.qpos[2] > 0


def test_arm_pick_walks_through_its_phases() -> None:
    task = make("arm_pick")
    state = np.zeros(task.model.nq + task.model.nv)
    phases = []
    for place in ((0.6, 0.0, 0.02), (0.6, 0.0, 0.1), (0.6, 0.4, 0.1), (0.6, 0.4, 0.02)):
        state[:3] = place
        task.pre_rollout(state, task.config)
        phases.append(task.phase)
    assert phases == [0, 1, 2, 3]


def test_modules_of_tasks_and_components_import_nothing_heavy() -> None:
    """`--help` reads them."""
    import subprocess
    import sys

    parts = [ref.target for refs in DOMAIN.components.values() for ref in refs]
    modules = sorted({target.split(":")[0] for target in (*TARGETS.values(), *parts)})
    code = (
        f"import sys\nfor name in {modules!r}: __import__(name)\n"
        "heavy = {'mujoco', 'jax', 'scipy', 'jaxtyping', 'gymnasium', 'PIL'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.home()
    )
    assert done.stdout.strip() == "[]"
