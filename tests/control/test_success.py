"""What counts as solved: for every task a state that is, states that are nearly, and a solution that is held."""

from __future__ import annotations

import math
from collections.abc import Callable

import mujoco
import numpy as np
import pytest
from taskloom.opening import open_task
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.domain import DOMAIN
from taskloom_control.metrics import episode_metrics
from taskloom_control.mjcf.trot import trot
from taskloom_control.task import Array
from taskloom_control.tasks.arm_pick import HOME, clearance
from taskloom_control.tasks.quadruped_stand import LEG

TARGETS = {ref.name: ref.target for ref in DOMAIN.tasks if not ref.needs}
Change = Callable[[mujoco.MjData], None]


def make(name: str) -> Array:
    return open_task(f"control/{name}").task


def place(*qpos: float, first: int = 0) -> Change:
    """Return what sets positions from an index on."""

    def change(data: mujoco.MjData) -> None:
        data.qpos[first : first + len(qpos)] = qpos

    return change


def move(index: int, speed: float) -> Change:
    """Return what sets one velocity."""

    def change(data: mujoco.MjData) -> None:
        data.qvel[index] = speed

    return change


def count(goals: int, in_a_row: int) -> Change:
    """Return what sets the numbers of goals reached in the hand."""

    def change(data: mujoco.MjData) -> None:
        data.userdata[:2] = goals, in_a_row

    return change


def target(x: float, y: float) -> Change:
    """Return what moves the mocap target by so much."""

    def change(data: mujoco.MjData) -> None:
        data.mocap_pos[0, :2] += x, y

    return change


def tilt(angle: float, first: int = 3) -> Change:
    """Return what rolls a free body."""
    return place(math.cos(angle / 2), math.sin(angle / 2), 0, 0, first=first)


STANDING = (0, 0, 0.32, 1, 0, 0, 0, *LEG * 4)
TROTTING = trot(0.1, 0.3)["qpos"][0]
# The solved state, and changes that each spoil it.
CASES: dict[str, tuple[Change, list[Change]]] = {
    "lq_point_mass": (place(0.005), [place(0.02), move(0, 0.05)]),
    "double_integrator": (place(0.5, 0.5), [place(0.56), move(1, 0.2)]),
    "pendulum": (place(2 * math.pi), [place(0.25), move(0, 0.6)]),
    "cartpole": (place(0, 0), [place(0.2), place(0.25, first=1), move(1, 0.6)]),
    "double_cartpole": (
        place(0, 0, 0),
        [
            place(0.6),
            place(0.25, first=1),
            place(0.25, first=2),
            place(math.pi, math.pi, first=1),
            move(2, 1.2),
        ],
    ),
    "acrobot": (place(0, 0), [place(0.25), place(0, 0.25), place(math.pi, math.pi), move(0, 1.2)]),
    "ball_in_cup": (place(0, 0, 0, 0.02), [place(0, 0, 0.1, 0.02), place(0, 0, 0, -0.3)]),
    "reacher": (place(0.3, 0.5), [target(0.03, 0), target(0, -0.05)]),
    "model": (place(0.3, 0.5), [target(0.03, 0), target(0, -0.05)]),
    "particle_goal": (place(0.3, 0.5), [target(0.15, 0), target(0, -0.15)]),
    "cylinder_push": (place(1, 1, 0, 0), [place(0.15, first=2), place(0, -0.11, first=2)]),
    "push_t": (
        place(1, 1, 0, 0, 0),
        [place(0.06, first=2), place(0.25, first=4), place(math.pi, first=4)],
    ),
    "u_maze": (place(0.9, 0), [place(0.9, 0.15), place(0.3, 0)]),
    "hopper": (place(2, 0.83, 0), [place(1.4), place(0.5, first=1), place(0.7, first=2)]),
    "quadruped_stand": (
        place(*STANDING),
        [place(0.24, first=2), tilt(0.4), move(2, 0.5)],
    ),
    "quadruped_walk": (
        place(1.2, *STANDING[1:]),
        [place(0.9), place(0.1, first=2), tilt(0.7), tilt(math.pi)],
    ),
    "quadruped_trot": (place(*TROTTING), [place(0.1), place(0.25, first=2), tilt(1.0)]),
    "track": (place(*TROTTING), [place(0.1), place(0.25, first=2), tilt(1.0)]),
    "arm_pick": (
        place(0.6, 0.4, 0.02, 1, 0, 0, 0, *HOME),
        [place(0.6, 0.3), place(0.1, first=2), place(0.03, first=2)],
    ),
    "hand_cube": (
        count(2, 2),
        [count(5, 1), count(0, 0), place(-0.2, first=2), place(0.15, first=0)],
    ),
    "hand_cube_down": (
        count(3, 2),
        [count(5, 1), count(0, 0), place(-0.2, first=2), place(0.15, first=0)],
    ),
}


def solved_task(name: str) -> Array:
    """Return a task whose data stands in its solved state."""
    task = make(name)
    Simulation(task, task.config).reset(np.random.default_rng(0))
    task.data.qvel[:] = 0.0
    CASES[name][0](task.data)
    mujoco.mj_forward(task.sim_model, task.data)
    if name in ("reacher", "particle_goal", "model"):
        # The target goes to where the tip is.
        task.data.mocap_pos[0, :2] += task.data.sensordata[task.sensor("gap")][:2]
        mujoco.mj_forward(task.sim_model, task.data)
    return task


def test_every_task_has_a_case() -> None:
    assert set(CASES) == set(TARGETS)


@pytest.mark.parametrize("name", list(CASES))
def test_success_takes_everything_that_it_names(name: str) -> None:
    assert solved_task(name).success()
    for spoil in CASES[name][1]:
        task = solved_task(name)
        spoil(task.data)
        mujoco.mj_forward(task.sim_model, task.data)
        assert not task.success()


@pytest.mark.parametrize("name", list(CASES))
def test_success_has_to_be_held(name: str) -> None:
    """A touch in the middle of the episode, or one that is lost at its end, does not count."""
    task = make(name)
    simulation = Simulation(task, task.config)
    config = task.config.model_copy(update={"seconds": 5.0, "hold": 2.0})
    steps, window = round(5.0 / simulation.dt), round(2.0 / simulation.dt)
    assert task.must_hold
    held = np.zeros(steps + 1, dtype=bool)
    held[-window:] = True
    touched = np.zeros(steps + 1, dtype=bool)
    touched[10 : steps // 2] = True
    lost = held.copy()
    lost[-1] = False
    late = held.copy()
    late[-window] = False
    got = []
    for success in (held, touched, lost, late):
        arrays = {"success": success, "time": simulation.dt * np.arange(steps + 1)}
        got.append(episode_metrics(simulation, arrays, config)["success"])
    assert got == [1.0, 0.0, 0.0, 0.0]


def test_arm_pick_is_not_solved_while_the_hand_holds_the_cube() -> None:
    task = solved_task("arm_pick")
    cube = np.add(task.data.qpos[:3], (0.0, 0.0, 0.01))
    task.sim_model.body("link1").pos += cube - task.view.sensor("trace_grasp")
    task.data.qvel[0] = 1e-9  # another state, so that the sensor is read anew
    assert not task.success()


def test_arm_pick_closes_its_hand_around_the_cube_only() -> None:
    """Open on the way, closed where the fingers meet at the cube and in the air, open again at the goal."""
    task = make("arm_pick")
    state = np.zeros(task.model.nq + task.model.nv)
    state[3], state[7:16] = 1.0, HOME
    data = mujoco.MjData(task.model)
    data.qpos[:] = state[: task.model.nq]
    mujoco.mj_kinematics(task.model, data)
    grasp = data.site("grasp").xpos.copy()
    got = []
    goal = (0.6, 0.4)
    for cube in (
        (0.6, 0.0, 0.02),
        (*grasp[:2], 0.02),
        (0.6, 0.0, 0.1),
        (*goal, 0.1),
        (*goal, 0.035),
        (*goal, 0.02),
    ):
        state[:3] = cube
        task.pre_rollout(state, task.config)
        got.append(task.closing)
    assert got == [False, False, True, True, False, False]
    # The hand comes down to the cube: with the cube where the fingers meet, below the height of the air, it closes.
    task.model.body("link1").pos[2] -= grasp[2] - 0.02
    state[:3] = (*grasp[:2], 0.02)
    task.pre_rollout(state, task.config)
    assert task.closing


def test_funnel_leads_down_onto_the_cube() -> None:
    heights = clearance(np.array([0.0, 0.015, 0.02, 0.03, 0.3]))
    np.testing.assert_allclose(heights, [0.0, 0.0, 0.02, 0.06, 0.06], atol=1e-12)


def test_goals_in_a_row_end_with_a_lost_cube() -> None:
    task = solved_task("hand_cube")
    assert task.success()
    task.data.qpos[2] = -1.0
    task.post_sim_step()
    assert not task.success()
    assert task.episode_metrics() == {"goals": 2.0}
