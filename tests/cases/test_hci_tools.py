"""Games as the environments of other tools: what Gymnasium, PettingZoo and Stable-Baselines3 expect of a game holds."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from cases_verdict import told, verdict
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FlattenObservation
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from taskloom_hci import Agent, Bundle, HciError, discrete_array_element, make_bundle
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.exports.learned import save_policy
from taskloom_hci.exports.vector import PointingVector
from taskloom_hci.games.simple import Example
from taskloom_hci.policies.policy import RandomPolicy
from tests_sizes import size


def _needs(package: str) -> pytest.MarkDecorator:
    reason = f"needs {package}, which is not installed"
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=reason)


# Other tools warn of what concerns them; a case is about what they do.
calm = pytest.mark.filterwarnings("ignore")


@calm
@_needs("pettingzoo")
def test_aec_says_parallelizable() -> None:
    """Plays 30 random episodes through `aec_to_parallel`, or says that it cannot: a game may end on the user's half.

    Compare Farama-Foundation/PettingZoo#1273 and #1260.
    """
    from pettingzoo.utils.conversions import aec_to_parallel
    from taskloom_hci.exports.zoo import GameAEC

    wrong, names = [], ("example", "coordinated", "teaching")
    for name in names:
        game = GameAEC(make_bundle(name))
        if not game.metadata["is_parallelizable"]:
            continue
        env = aec_to_parallel(game)
        for agent in env.possible_agents:
            env.action_space(agent).seed(0)
        try:
            for seed in range(size("converted_episodes")):
                env.reset(seed=seed)
                while env.agents:
                    env.step({agent: env.action_space(agent).sample() for agent in env.agents})
        except Exception as error:
            wrong.append(f"{name}: {told(error)}")
    verdict(
        not wrong,
        f"{len(names) - len(wrong)} of 3 play or say False; {'; '.join(wrong)}",
        "3 of 3 play or say False",
    )


@_needs("pettingzoo")
def test_zoo_without_assistant_keeps_the_reward() -> None:
    """Returns -4 after 4 rounds in both forms: with no assistant the user gets all that the game pays.

    Compare Farama-Foundation/PettingZoo#355 and thu-ml/tianshou#900.
    """
    from taskloom_hci.exports.zoo import GameAEC, GameParallel

    def game() -> Bundle:
        actions = discrete_array_element(low=-1, high=1, init=0)
        return Bundle(Example(), Agent("user", policy=RandomPolicy(actions)), seed=0)

    turns, both = GameAEC(game()), GameParallel(game())
    turns.reset(seed=0)
    total = 0.0
    for _ in turns.agent_iter(100):
        _, reward, done, cut, _ = turns.last()
        total += reward
        turns.step(None if done or cut else 2)
    both.reset(seed=0)
    parallel = 0.0
    while both.agents:
        parallel += both.step({"user": 2})[1]["user"]
    verdict(
        (total, parallel) == (-4.0, -4.0),
        f"AEC {total}, parallel {parallel}",
        "AEC -4.0, parallel -4.0",
    )


@calm
@_needs("stable_baselines3")
def test_sb3_make_vec_env_by_id() -> None:
    """Makes a vector of every registered id, though it is asked for pictures that a game may not have.

    Compare AminHP/gym-anytrading#96.
    """
    from stable_baselines3.common.env_util import make_vec_env

    names = ("Example-v0", "Coordinated-v0", "Pointing-v0", "Pointing2D-v1")
    names += ("ClassicControl-v0", "Gaze-v0", "Teaching-v0", "Pipe-v0")
    wrong = []
    for name in names:
        try:
            make_vec_env(f"taskloom_hci.gym:hci/{name}", n_envs=2).close()
        except Exception as error:
            wrong.append(f"{name.partition('-')[0]}: {told(error)}")
    verdict(
        not wrong,
        f"{len(names) - len(wrong)} of 8 made; {'; '.join(wrong)}",
        "8 of 8 made",
    )


@calm
@_needs("stable_baselines3")
def test_a_learnt_gaze_user_plays(tmp_path: Path) -> None:
    """Plays as `user=learned` with the action that Stable-Baselines3 predicts: it has the body that the learner had."""
    from stable_baselines3 import PPO

    game = GameEnv(make_bundle("gaze"), "user")
    keys = list(game.observation_space.spaces)
    model = PPO("MlpPolicy", FlattenObservation(game), n_steps=64, device="cpu", seed=0)
    model.learn(128)
    seen, _ = GameEnv(make_bundle("gaze"), "user").reset(seed=3)
    flat = np.concatenate([np.ravel(seen[key]).astype(np.float32) for key in keys])
    wanted = model.predict(flat, deterministic=True)[0]
    file = tmp_path / "policy.zip"
    save_policy(model, file, keys)
    must = f"the action {wanted}"
    try:
        bundle = make_bundle("gaze", user={"kind": "learned", "file": str(file)})
        bundle.reset(go_to=1, seed=3)
        played = bundle.user.take_action(affect=False)[0]
    except Exception as error:
        verdict(False, told(error), must)
    verdict(np.allclose(played, wanted, atol=1e-5), f"the action {played}", must)


@calm
def test_statistics_wrapper_on_a_vector() -> None:
    """Counts more than 50 episodes with Gymnasium's wrapper, in both modes that start games anew.

    Its key in `info` is "episode". Compare Farama-Foundation/Gymnasium#1624.
    """
    counts: dict[str, int | str] = {}
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        vector = gymnasium.make_vec(
            "taskloom_hci.gym:hci/Pointing-v0",
            num_envs=16,
            vectorization_mode="sync",
            vector_kwargs={"autoreset_mode": mode},
        )
        env = RecordEpisodeStatistics(vector)
        env.reset(seed=0)
        env.action_space.seed(0)
        try:
            for _ in range(size("vector_steps")):
                env.step(env.action_space.sample())
            # The wrapper counts in NumPy's integers.
            counts[mode.name] = int(env.episode_count)
        except Exception as error:
            counts[mode.name] = told(error)
    verdict(
        all(isinstance(count, int) and count > 50 for count in counts.values()),
        f"episodes {counts}",
        "more than 50 each",
    )


@calm
def test_unseeded_games_differ() -> None:
    """Shows more than one start in a vector of eight games that nobody seeded.

    Compare openai/gym#3121 and Farama-Foundation/Gymnasium#1321.
    """
    name = "taskloom_hci.gym:hci/Pointing-v0"
    seen, _ = gymnasium.make_vec(name, num_envs=8, vectorization_mode="sync").reset()
    goals, cells = (seen[key].ravel() for key in ("user_state__goal", "task_state__position"))
    starts = {(int(goal), int(cell)) for goal, cell in zip(goals, cells, strict=True)}
    verdict(len(starts) > 1, f"{len(starts)} different start(s) of 8 games", "more than 1")


def test_vector_follows_the_bundles_seed() -> None:
    """Plays other games for another seed of the bundle, and first the game that the bundle itself plays first."""

    def targets(seed: int) -> np.ndarray:
        seen, _ = PointingVector(make_bundle("pointing", seed=seed), 3).reset()
        return np.asarray(seen["task_state__targets"])

    alone = make_bundle("pointing", seed=5)
    alone.reset()
    differ = not np.array_equal(targets(0), targets(5))
    follows = bool(np.array_equal(targets(5)[0], alone.task.state["targets"]))
    verdict(
        differ and follows,
        f"seeds differ: {differ}, the first game is the bundle's: {follows}",
        "seeds differ: True, the first game is the bundle's: True",
    )


@contextmanager
def _no_longer_than(seconds: int, must: str) -> Iterator[None]:
    """Find the answer wrong where the block has not ended by then."""

    def late(*_: object) -> None:
        verdict(False, f"still looking for an episode after {seconds} s", must)

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_reset_that_ends_at_once() -> None:
    """Refuses a forced start from which the game ends before the learner acts: looking for another never ends.

    Coordinated at x = 9 ends on the user's half, so that an assistant never acts.
    """
    env, must = GameEnv(make_bundle("coordinated"), "assistant"), "an HciError"
    with _no_longer_than(size("patience_seconds"), must):
        try:
            env.reset(seed=0, options={"forced": {"task_state": {"x": 9}}})
        except HciError:
            return
    verdict(False, "a game that is over was given to the learner", must)
