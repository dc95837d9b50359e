"""The games for learners: the conformance suites of gymnasium, PettingZoo and Stable-Baselines3, for every task."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector.utils import batch_space
from taskloom_hci.batch.play import play
from taskloom_hci.domain import DOMAIN
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.exports.env import GameEnv, as_array
from taskloom_hci.exports.register import env_ids
from taskloom_hci.exports.vector import PointingVector
from taskloom_hci.exports.vector_assistant import AssistantVector

# A learner may do anything, also what the assistant's model of the user rules out.
TOLERANT = {"kind": "big", "on_zero": "uniform"}
OPTIONS: dict[str, dict[str, Any]] = {
    "pointing": {"assistant": TOLERANT},
    "pointing_2d": {"assistant": TOLERANT, "width": 5, "height": 4},
}


# Tasks without an assistant have one learner only.
ALONE = {"classic_control", "gaze"}


def make(name: str) -> Any:
    return make_bundle(name, **OPTIONS.get(name, {}))


# The tasks of this package by id: those of plugins that other tests install come and go.
TASK_OF = {name: ref.name for name, ref in env_ids().items() if ref in DOMAIN.tasks}


@pytest.fixture(params=sorted(TASK_OF), ids=str)
def env_id(request: Any) -> str:
    import taskloom_hci.gym  # registers the ids

    assert taskloom_hci.gym.env_ids().keys() >= TASK_OF.keys()
    return str(request.param)


def test_the_ids_are_known() -> None:
    names = "Example Coordinated Pointing Pointing2D ClassicControl Gaze Teaching Pipe"
    # The grid has a second version, whose "up" is up.
    numbers = {"Pointing2D": 1}
    assert list(TASK_OF) == [f"hci/{name}-v{numbers.get(name, 0)}" for name in names.split()]


# An element without bounds is a box without bounds, which the suite advises against.
@pytest.mark.filterwarnings(
    "ignore:.*A Box (observation|action) space (min|max)imum value is -?infinity:UserWarning"
)
@pytest.mark.filterwarnings("ignore:.*For Box action spaces, we recommend:UserWarning")
@pytest.mark.parametrize("train", ["user", "assistant"])
def test_gymnasium_accepts_every_task(env_id: str, train: str) -> None:
    # B8: the seed system's environment failed this check.
    if train == "assistant" and TASK_OF[env_id] in ALONE:
        return
    options = OPTIONS.get(TASK_OF[env_id], {})
    env = gymnasium.make(env_id, train=train, render_mode="ansi", **options)
    check_env(env.unwrapped)
    assert isinstance(env.unwrapped.render(), str)
    env.close()


# The suite advises (by warnings of its own module) on names and kinds of spaces; what it requires are assertions.
@pytest.mark.filterwarnings("ignore::UserWarning:pettingzoo.test")
@pytest.mark.parametrize("name", sorted(TASK_OF.values()))
def test_pettingzoo_accepts_every_task(name: str, capsys: Any) -> None:
    # B8: the seed system's environment could not even be constructed.
    pytest.importorskip("pettingzoo")
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
    from taskloom_hci.exports.zoo import GameAEC, GameParallel

    api_test(GameAEC(make(name)), num_cycles=60)
    parallel_api_test(GameParallel(make(name)), num_cycles=60)
    seed_test(lambda: GameAEC(make(name)), num_cycles=30)
    parallel_seed_test(lambda: GameParallel(make(name)), num_cycles=30)


@pytest.mark.parametrize("name", sorted(TASK_OF.values()))
def test_every_observation_lies_in_the_space_that_was_declared(name: str) -> None:
    # A view may show more than the state can hold: eyes with noise see the target outside of the screen.
    pytest.importorskip("pettingzoo")
    from taskloom_hci.exports.zoo import GameParallel

    options: dict[str, Any] = dict(OPTIONS.get(name, {}))
    if name == "gaze":
        options["user"] = {"kind": "gaze", "perceptual_noise": 2.0}
    seats = GameParallel(make_bundle(name, **options))
    outside = 0
    for seed in range(5):
        seen, _ = seats.reset(seed=seed)
        for role in seats.possible_agents:
            seats.action_space(role).seed(seed)
        for _ in range(20):
            for role, values in seen.items():
                assert seats.observation_space(role).contains(values), (role, values)
                outside += bool(np.any(np.abs(values.get("task_state__target", 0.0)) > 1.0))
            if not seats.agents:
                break
            seen, *_ = seats.step(
                {role: seats.action_space(role).sample() for role in seats.agents}
            )
    if name == "gaze":
        assert outside > 0, "no look went beyond the screen: the test shows nothing"


def test_equal_seeds_step_alike_in_gymnasium() -> None:
    # B7: GymWrapper.reset(seed=...) did not fix anything.
    def trace(seed: int) -> list[float]:
        env = GameEnv(make("pointing"))
        rng = np.random.default_rng(0)
        out = [as_array(env.reset(seed=seed)[0])]
        for _ in range(40):
            seen, _, done, cut, _ = env.step(int(rng.integers(3)))
            out.append(as_array(seen))
            if done or cut:
                out.append(as_array(env.reset()[0]))
        return np.concatenate(out).tolist()

    assert trace(4) == trace(4)
    assert trace(4) != trace(5)


def test_a_time_limit_is_a_truncation() -> None:
    env = GameEnv(make_bundle("pointing", max_rounds=3))
    env.reset(seed=0, options={"forced": {"task_state": {"targets": np.arange(8), "position": 20}}})
    ends = [env.step(2)[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_actions_outside_the_space_are_refused() -> None:
    env = GameEnv(make("pointing"))
    env.reset(seed=0)
    with pytest.raises(HciError, match="not in Discrete"):
        env.step(3)
    with pytest.raises(HciError, match="no 'umpire'"):
        GameEnv(make("pointing"), "umpire")  # type: ignore[arg-type]
    with pytest.raises(HciError, match="no 'assistant'"):
        GameEnv(make_bundle("pointing", assistant=None), "assistant")


@pytest.mark.parametrize(
    "assistant",
    [{"kind": "gain"}, {"kind": "gain", "gain": 2}, TOLERANT, None],
    ids=str,
)
def test_games_side_by_side_are_games_alone(assistant: dict[str, Any] | None) -> None:
    count = 4
    many = PointingVector(make_bundle("pointing", max_rounds=9, assistant=assistant), count)
    alone = [
        GameEnv(make_bundle("pointing", max_rounds=9, assistant=assistant)) for _ in range(count)
    ]
    seen, _ = many.reset(seed=3)
    for i, env in enumerate(alone):
        env.reset(seed=3 + i)
    assert many.observation_space.contains(seen)
    rng = np.random.default_rng(1)
    endings = 0
    for step in range(150):
        wise = np.sign(seen["user_state__goal"] - seen["task_state__position"])[:, 0] + 1
        actions = wise if step % 3 else rng.integers(0, 3, count)
        seen, rewards, done, cut, info = many.step(actions)
        for i, env in enumerate(alone):
            look, reward, is_done, truncated, _ = env.step(actions[i])
            assert (reward, is_done, truncated) == (rewards[i], done[i], cut[i])
            if is_done or truncated:
                np.testing.assert_equal(info["final_obs"][i], look)
                look, _ = env.reset()
                endings += 1
            np.testing.assert_equal({name: values[i] for name, values in seen.items()}, look)
    assert endings > 10


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("pointing", {"assistant": TOLERANT, "cells": 12, "targets": 4}),
        ("pointing", {"assistant": {"kind": "random"}, "cells": 9, "targets": 3}),
        ("pointing_2d", {"assistant": {"kind": "map"}, "width": 4, "height": 3, "targets": 3}),
        ("pointing_2d", {"assistant": {"kind": "random"}, "width": 4, "height": 3, "targets": 3}),
    ],
    ids=["big", "gain", "grid", "grid-gain"],
)
def test_assistants_side_by_side_are_assistants_alone(name: str, config: dict[str, Any]) -> None:
    count, config = 4, {**config, "max_rounds": 3}
    many = AssistantVector(make_bundle(name, **config), count)
    alone = [GameEnv(make_bundle(name, **config), "assistant") for _ in range(count)]
    seen, _ = many.reset(seed=3)
    for i, env in enumerate(alone):
        look, _ = env.reset(seed=3 + i)
        np.testing.assert_equal({name: values[i] for name, values in seen.items()}, look)
    assert many.observation_space.contains(seen)
    assert many.action_space == batch_space(alone[0].action_space, count)
    many.action_space.seed(1)
    ends = np.zeros(2, dtype=int)
    for step in range(100):
        actions = many.action_space.sample()
        if "beliefs" in str(seen.keys()) and step % 2:
            rows = seen["assistant_state__beliefs"].argmax(axis=1)
            actions = seen["task_state__targets"][np.arange(count), rows]
        seen, rewards, done, cut, info = many.step(actions)
        for i, env in enumerate(alone):
            look, reward, is_done, truncated, _ = env.step(actions[i])
            assert (reward, is_done, truncated) == (rewards[i], done[i], cut[i])
            if is_done or truncated:
                np.testing.assert_equal(info["final_obs"][i], look)
                look, _ = env.reset()
                ends += (is_done, truncated)
            np.testing.assert_equal({name: values[i] for name, values in seen.items()}, look)
    assert (ends > 0).all()


def test_an_assistant_without_batch_is_refused() -> None:
    with pytest.raises(HciError, match="no batch for its assistant"):
        AssistantVector(make_bundle("pointing", assistant={"kind": "rollout"}), 2)
    with pytest.raises(HciError, match="no batch for its assistant"):
        AssistantVector(make_bundle("coordinated"), 2)
    many = AssistantVector(make_bundle("pointing", assistant=TOLERANT), 2)
    many.reset(seed=0)
    with pytest.raises(HciError, match="2 actions of Discrete"):
        many.step([31, 0])


def test_beliefs_are_probabilities_to_a_learner() -> None:
    env = GameEnv(make("pointing"), "assistant")
    seen, _ = env.reset(seed=2)
    assert seen["assistant_state__beliefs"].sum() == pytest.approx(1.0)
    assert env.observation_space.contains(seen)
    assert not any("log" in name for name in seen)


def test_entry_points_name_the_function_that_registers_the_ids() -> None:
    # gymnasium >= 1.0 reads no entry points itself; a program that does finds the ids there.
    from importlib.metadata import entry_points

    (entry,) = [e for e in entry_points(group="gymnasium.envs") if e.name == "hci"]
    entry.load()()
    assert TASK_OF.keys() <= set(gymnasium.registry)
    env = gymnasium.make("taskloom_hci.gym:hci/Example-v0")
    env.reset(seed=0)
    env.close()


def test_vectors_are_made_by_id() -> None:
    import taskloom_hci.gym  # noqa: F401 -- registers the ids

    env = gymnasium.make_vec("hci/Pointing-v0", num_envs=3, vectorization_mode="vector_entry_point")
    assert env.num_envs == 3
    seen, _ = env.reset(seed=0)
    assert seen["task_state__position"].shape == (3, 1)
    other = gymnasium.make_vec(
        "hci/Pointing2D-v1",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        train="assistant",
        assistant=TOLERANT,
    )
    assert "assistant_state__beliefs" in other.reset(seed=0)[0]
    with pytest.raises(HciError, match="3 actions"):
        env.unwrapped.step(np.zeros(2))
    with pytest.raises(HciError, match="no batch kernel"):
        PointingVector(make_bundle("example"), 2)


def test_an_agent_is_an_expert_to_imitate() -> None:
    env = GameEnv(
        make_bundle("pointing", assistant=None, user={"kind": "careful", "error_rate": 0.0})
    )
    env.reset(seed=1)
    total = 0.0
    for _ in range(60):
        action = env.expert_action()
        assert env.expert_action() == action
        _, reward, done, _, _ = env.step(action)
        total += reward
        if done:
            break
    assert done


def test_importing_the_domain_needs_three_packages() -> None:
    # B14: the seed system could not be imported without two optional packages.
    import subprocess

    code = (
        "import sys, taskloom_hci.bundle.bundle, taskloom_hci.driver, taskloom_hci.batch.play\n"
        "heavy = {'numba', 'pettingzoo', 'stable_baselines3', 'torch', 'scipy', 'jax', 'matplotlib', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_gymnasium_game_plays_what_the_batch_plays() -> None:
    env = GameEnv(make_bundle("pointing", user={"kind": "careful", "error_rate": 0.2}))
    env.bundle.seed = 9
    env.reset(seed=9)
    expected = play(
        make_bundle("pointing", seed=9, user={"kind": "careful", "error_rate": 0.2}), 1, "numpy"
    )
    for action in expected.rounds["user_action"]:
        _, _, done, _, _ = env.step(int(action) + 1)
    assert done == expected.is_done[0]


def test_stable_baselines_learns_from_the_games() -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO
    from taskloom_hci.exports.sb3 import PointingVecEnv

    env = PointingVecEnv(make_bundle("pointing", max_rounds=6), 4)
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=64, n_epochs=1, device="cpu", seed=0)
    before = model.policy.action_net.weight.detach().clone()
    model.learn(256)
    assert model.num_timesteps == 256
    assert not before.equal(model.policy.action_net.weight)
    with pytest.raises(HciError, match="does not see nothing"):
        PointingVecEnv(make_bundle("pointing"), 2, keys=("nothing",))


def test_the_vector_for_stable_baselines_is_the_vector() -> None:
    pytest.importorskip("stable_baselines3")
    from taskloom_hci.exports.sb3 import PointingVecEnv

    plain = PointingVector(make_bundle("pointing", max_rounds=5), 3)
    other = PointingVecEnv(make_bundle("pointing", max_rounds=5), 3)
    other.seed(8)
    looks, (seen, _) = other.reset(), plain.reset(seed=8)
    assert other.observation_space.contains(looks[0])
    rng = np.random.default_rng(0)
    for _ in range(40):
        actions = rng.integers(0, 3, 3)
        looks, rewards, ended, infos = other.step(actions)
        seen, plain_rewards, done, cut, info = plain.step(actions)
        np.testing.assert_array_equal(rewards, plain_rewards)
        np.testing.assert_array_equal(ended, done | cut)
        np.testing.assert_allclose(looks[:, 0] * 30, seen["task_state__position"][:, 0], atol=1e-5)
        for row in np.flatnonzero(ended):
            last = info["final_obs"][row]["task_state__position"][0]
            assert infos[row]["terminal_observation"][0] * 30 == pytest.approx(last, abs=1e-5)
            assert infos[row]["TimeLimit.truncated"] == cut[row]
