"""Every task is a clean Gymnasium environment."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import taskloom_control.gym as exported
from gymnasium.utils.env_checker import check_env
from taskloom.opening import open_task
from taskloom.registry import tasks_of
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.domain import DOMAIN
from taskloom_control.exports.gymnasium import ControlEnv, make_env

NAMES = [ref.name for ref in DOMAIN.tasks if not ref.needs]


@pytest.mark.parametrize("name", NAMES)
def test_environment_passes_gymnasiums_checker_without_a_warning(name: str) -> None:
    env = gymnasium.make(f"taskloom/{name}-v1", render_mode="rgb_array", seconds=0.5)
    check_env(env.unwrapped, skip_render_check=False)
    env.close()


def test_every_task_is_registered() -> None:
    registered = {key for key in gymnasium.registry if key.startswith("taskloom/")}
    # A suite's task has a slash of its own, which an id cannot have.
    names = [entry.ref.name.replace("/", "-") for entry in tasks_of("control")]
    assert set(NAMES) < set(names)
    assert registered == {f"taskloom/{name}-{v}" for name in names for v in ("v0", "v1")}


def test_name_with_the_module_needs_no_import() -> None:
    env = gymnasium.make("taskloom_control.gym:taskloom/cartpole-v1")
    assert isinstance(env.unwrapped, exported.ControlEnv)


@pytest.mark.parametrize("name", NAMES)
def test_environments_side_by_side_equal_single_ones(name: str) -> None:
    """Two at once, seeds 1 and 2, step for step the numbers of two alone."""
    envs = gymnasium.make_vec(
        f"taskloom/{name}-v1", num_envs=2, vectorization_mode="sync", seconds=0.4
    )
    singles = [exported.make_env(name, seconds=0.4) for _ in range(2)]
    together, _ = envs.reset(seed=[1, 2])
    alone = [env.reset(seed=seed)[0] for env, seed in zip(singles, (1, 2), strict=True)]
    np.testing.assert_array_equal(together, np.stack(alone))
    actions = np.random.default_rng(0).uniform(-1, 1, (3, *envs.action_space.shape))
    for action in actions.astype(np.float32):
        together, rewards, _, _, _ = envs.step(action)
        rows = [env.step(a)[:2] for env, a in zip(singles, action, strict=True)]
        np.testing.assert_array_equal(together, np.stack([row[0] for row in rows]))
        np.testing.assert_array_equal(rewards, [row[1] for row in rows])
    envs.close()


def test_episode_of_a_vector_is_cut_off_and_begun_again() -> None:
    envs = gymnasium.make_vec(
        "taskloom/cartpole-v1", num_envs=3, vectorization_mode="sync", seconds=0.2
    )
    observations, _ = envs.reset(seed=1)
    assert observations.shape == (3, 4)
    for _ in range(5):
        observations, rewards, _, truncated, _ = envs.step(np.zeros((3, 1), dtype=np.float32))
    assert rewards.shape == (3,)
    assert truncated.all()
    envs.close()


def test_actions_span_the_control_range() -> None:
    env = exported.make_env("cartpole")
    env.reset(seed=0)
    env.step(np.array([1.0]))
    assert env.simulation.data.ctrl[0] == pytest.approx(1.8)
    env.step(np.array([-0.5]))
    assert env.simulation.data.ctrl[0] == pytest.approx(-0.9)


def test_same_seed_gives_the_same_episode() -> None:
    traces = []
    for _ in range(2):
        env = exported.make_env("cylinder_push")
        observation, _ = env.reset(seed=5)
        rows = [observation]
        rows += [env.step(np.array([0.3, -0.2]))[0] for _ in range(10)]
        traces.append(np.stack(rows))
    np.testing.assert_array_equal(*traces)


def test_reward_is_the_tasks_own() -> None:
    env = exported.make_env("lq_point_mass")
    env.reset(seed=0)
    _, reward, _, _, _ = env.step(np.array([0.0]))
    (x,), (v,) = env.simulation.data.qpos, env.simulation.data.qvel
    assert reward == pytest.approx(-(x * x + 0.1 * v * v))


@pytest.mark.parametrize("name", ["reacher", "particle_goal", "hand_cube", "model"])
def test_a_goal_in_the_observation_can_be_relabelled(name: str) -> None:
    """The form of gymnasium-robotics' GoalEnv: three parts, and a reward of achieved and desired goals, single or batched."""
    env = make_env(name, goal="dict", seconds=0.4)
    seen, _ = env.reset(seed=1)
    other, _ = env.reset(seed=2)
    assert isinstance(seen, dict)
    assert isinstance(other, dict)
    assert env.observation_space.contains(seen)
    moves = name != "model"  # its target stands where the model has it
    assert np.array_equal(seen["desired_goal"], other["desired_goal"]) != moves
    if "achieved_goal" not in seen:
        return
    pair = seen["achieved_goal"], seen["desired_goal"]
    single = env.compute_reward(*pair, {})
    batch = env.compute_reward(*(np.stack([part, part]) for part in pair), {})
    assert batch.tolist() == [single, single]
    assert float(env.compute_reward(pair[1], pair[1], {})) == pytest.approx(0, abs=1e-6)
    assert single < 0


def test_playing_the_controls_of_a_run_again_gives_its_rewards() -> None:
    bound = open_task("control/reacher", seconds=0.4)
    loop = ClosedLoop(bound, 3, 0)
    while not loop.done:
        loop.advance()
    loop.close()
    arrays = loop.arrays()
    env = ControlEnv(bound.copy(), bound.config, control_period=loop.simulation.dt)
    env.reset(seed=0)
    env.simulation.reset(np.random.default_rng(0))
    rewards = [env.simulation.step(control) for control in arrays["control"]]
    assert rewards == arrays["reward"].tolist()
