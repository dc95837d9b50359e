"""The standard tools work on every registered game: a part of the matrix here, all of it by `make soak`."""

# ruff: noqa: ANN401 -- environments of other packages have no types

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import taskloom_hci.gym
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FlattenObservation, TransformAction
from gymnasium.wrappers.vector import (
    FlattenObservation as FlattenAll,
    NormalizeObservation,
    NormalizeReward,
    RecordEpisodeStatistics,
)
from taskloom_hci.domain import DOMAIN
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.exports import picture
from taskloom_hci.exports.register import make_env
from tests_sizes import size

# Other tools warn of what concerns them; the matrix is about what they do.
pytestmark = pytest.mark.filterwarnings("ignore")

IDS = {name: ref.name for name, ref in taskloom_hci.gym.env_ids().items() if ref in DOMAIN.tasks}
WITHOUT_HELP = {"classic_control", "gaze"}
HELP: dict[str, tuple[str, ...]] = {
    "pointing": ("gain", "big", "map", "rollout"),
    "pointing_2d": ("gain", "big", "map"),
    "teaching": ("leitner",),
}
SMALL: dict[str, dict[str, Any]] = {
    "pointing": {"cells": 9, "targets": 3},
    "pointing_2d": {"width": 4, "height": 3, "targets": 3},
    "teaching": {"items": 3, "trials": 5},
    "gaze": {"max_rounds": 20},
    "classic_control": {"max_rounds": 20},
}


def _cells() -> list[Any]:
    cells = []
    for name, task in IDS.items():
        for role in ("user", "assistant"):
            for kind in HELP.get(task, ("random",)):
                if role == "assistant" and task in WITHOUT_HELP:
                    continue
                helped = {} if task in WITHOUT_HELP else {"assistant": {"kind": kind}}
                options = {**SMALL.get(task, {}), **helped, "train": role}
                cells.append(pytest.param(name, options, id=f"{task}-{role}-{kind}"))
    return cells


def _steps(options: dict[str, Any]) -> int:
    slow = options.get("assistant", {}).get("kind") == "rollout"
    return 5 if slow else size("conformance_steps")


@pytest.mark.parametrize(("name", "options"), _cells())
def test_gymnasiums_vectors_and_wrappers_take_every_game(
    name: str, options: dict[str, Any]
) -> None:
    modes = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED]
    # Every cell meets one of the modes in the small size, and all of them in the full one.
    start = sum(map(ord, name + str(options))) % 3
    for mode in (modes[start:] + modes[:start])[: size("conformance_modes")]:
        vector = gymnasium.make_vec(
            name, 2, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **options
        )
        env = RecordEpisodeStatistics(vector)
        # gymnasium's own wrappers refuse the modes that they cannot tell an episode's end in.
        if mode is not AutoresetMode.SAME_STEP:
            env = FlattenAll(env)
        if mode is AutoresetMode.NEXT_STEP:
            env = NormalizeObservation(NormalizeReward(env))
        env.reset(seed=1)
        env.action_space.seed(0)
        for _ in range(_steps(options)):
            seen, rewards, done, cut, _ = env.step(env.action_space.sample())
            assert np.isfinite(rewards).all()
            assert all(
                len(part) == 2 for part in (seen.values() if isinstance(seen, dict) else [seen])
            )
            if mode is AutoresetMode.DISABLED and (done | cut).any():
                env.reset(options={"reset_mask": done | cut})
        env.close()


@pytest.mark.parametrize("task", ["pointing", "pointing_2d"])
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_the_wrappers_take_the_vectors_of_this_package(task: str, role: str) -> None:
    name = next(one for one, found in IDS.items() if found == task)
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        vector = gymnasium.make_vec(
            name,
            8,
            vectorization_mode="vector_entry_point",
            train=role,
            assistant={"kind": "big"},
            autoreset_mode=mode,
            **SMALL[task],
        )
        env = counted = RecordEpisodeStatistics(vector)
        env = env if mode is AutoresetMode.SAME_STEP else NormalizeReward(env)
        env.reset(seed=0)
        env.action_space.seed(0)
        for _ in range(size("conformance_steps")):
            env.step(env.action_space.sample())
        assert counted.episode_count > 0


@pytest.mark.parametrize("task", sorted(IDS.values()))
def test_stable_baselines_makes_normalises_and_watches_every_game(task: str) -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

    name = next(one for one, found in IDS.items() if found == task)
    env = make_vec_env(name, n_envs=2, env_kwargs=SMALL.get(task, {}), seed=0)
    env = VecNormalize(VecMonitor(env), norm_obs=False)
    env.reset()
    for _ in range(20):
        _, rewards, _, _ = env.step(np.array([env.action_space.sample() for _ in range(2)]))
        assert np.isfinite(rewards).all()
    assert env.get_attr("train") == ["user", "user"]
    env.close()


@pytest.mark.parametrize(
    "task",
    sorted(IDS.values(), reverse=True)[2 % size("conformance_every") :: size("conformance_every")],
)
def test_games_in_other_processes_play_what_games_in_this_one_play(task: str) -> None:
    """gymnasium's AsyncVectorEnv and SB3's SubprocVecEnv equal their forms in one process, step for step."""
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

    name = next(one for one, found in IDS.items() if found == task)
    options = SMALL.get(task, {})
    pair = [
        gymnasium.make_vec(name, 2, vectorization_mode=mode, **options)
        for mode in ("sync", "async")
    ]
    firsts = [env.reset(seed=3)[0] for env in pair]
    np.testing.assert_equal(firsts[1], firsts[0])
    pair[0].action_space.seed(0)
    for _ in range(size("conformance_steps")):
        action = pair[0].action_space.sample()
        here, there = (env.step(action) for env in pair)
        np.testing.assert_equal(there[:4], here[:4])
    for env in pair:
        env.close()
    if task != "pointing" and size("conformance_every") > 1:
        return  # a worker of SB3 imports everything anew, which takes a few seconds
    # Such a worker knows no ids: the module before the colon registers them there too.
    known = f"taskloom_hci.gym:{name.rpartition(':')[2]}"
    vectors = [
        make_vec_env(known, 2, seed=3, env_kwargs=options, vec_env_cls=kind)
        for kind in (DummyVecEnv, SubprocVecEnv)
    ]
    np.testing.assert_equal(vectors[1].reset(), vectors[0].reset())
    vectors[0].action_space.seed(0)
    for _ in range(size("conformance_steps")):
        actions = np.array([vectors[0].action_space.sample() for _ in range(2)])
        here, there = (env.step(actions) for env in vectors)
        # In one process SB3 keeps rewards as 32 bits, from others it takes them as they come.
        same = (there[0], there[1].astype(here[1].dtype), there[2])
        np.testing.assert_equal(same, here[:3])
    for env in vectors:
        env.close()


@pytest.mark.parametrize("task", sorted(IDS.values()))
def test_ppo_takes_every_game_and_role(task: str) -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO

    name = next(one for one, found in IDS.items() if found == task)
    steps = size("learning_steps")
    for role in ("user",) if task in WITHOUT_HELP else ("user", "assistant"):
        env = gymnasium.make(name, train=role, **SMALL.get(task, {}))
        space: Any = env.action_space
        if isinstance(space, Box) and not space.is_bounded():
            # Stable-Baselines3 wants bounds, which a control has not: those of what is tried.
            env = TransformAction(env, lambda action: action, Box(-10.0, 10.0, space.shape))
        model = PPO(
            "MultiInputPolicy", env, n_steps=steps, batch_size=steps, n_epochs=1, device="cpu"
        )
        model.learn(steps)
        seen, _ = env.reset(seed=0)
        assert env.action_space.contains(env.unwrapped.action_space.sample())
        action = model.predict(seen, deterministic=True)[0]
        assert np.isfinite(env.step(action)[1])
        env.close()


@pytest.mark.parametrize("task", ["example", "pointing", "teaching"])
def test_pettingzoo_takes_the_form_to_parallel_and_says_which_it_does_not(task: str) -> None:
    pytest.importorskip("pettingzoo")
    from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec
    from taskloom_hci.exports.zoo import GameAEC, GameParallel

    options = SMALL.get(task, {})
    with pytest.raises(AssertionError, match="parallelizable"):
        aec_to_parallel(GameAEC(make_bundle(task, **options)))
    env = parallel_to_aec(GameParallel(make_bundle(task, **options)))
    env.reset(seed=0)
    for agent in env.agent_iter(40):
        _, _, done, cut, _ = env.last()
        env.step(None if done or cut else env.action_space(agent).sample())


@pytest.mark.parametrize("form", ["aec", "parallel"])
def test_supersuit_takes_games_with_one_vector(form: str) -> None:
    pytest.importorskip("supersuit")
    import supersuit
    from taskloom_hci.exports.zoo import GameAEC, GameParallel

    make = GameAEC if form == "aec" else GameParallel
    env = supersuit.dtype_v0(make(make_bundle("pointing"), flatten=True), np.float32)
    env = supersuit.clip_reward_v0(env)
    env.reset(seed=0)
    seen = env.last()[0] if form == "aec" else env.reset(seed=0)[0]["user"]
    assert seen.dtype == np.float32


def test_one_vector_is_what_gymnasium_makes_of_the_names() -> None:
    plain, flat = (make_env("pointing", seed=3, flatten=flat) for flat in (False, True))
    wanted = FlattenObservation(plain).reset()[0]
    np.testing.assert_array_equal(flat.reset()[0], wanted)


@pytest.mark.parametrize("task", sorted(IDS.values()))
def test_every_game_has_a_picture_and_a_limit(task: str) -> None:
    pytest.importorskip("PIL")
    env = make_env(task, render_mode="rgb_array", seed=1)
    env.reset()
    first, second = env.render(), env.render()
    assert first.shape == (400, 640, 3)
    assert first.dtype == np.uint8
    assert (first != 255).any()
    np.testing.assert_array_equal(first, second)
    assert env.bundle.max_rounds is not None
    env.close()


def test_without_pillow_an_id_falls_back_and_the_class_refuses(monkeypatch: Any) -> None:
    from taskloom_hci.exports import env as env_module, register

    monkeypatch.setattr(picture, "can_draw", lambda: False)
    monkeypatch.setattr(register, "can_draw", lambda: False)
    with pytest.raises(HciError, match=r"taskloom-hci\[pictures\]"):
        env_module.GameEnv(make_bundle("example"), render_mode="rgb_array")
    with pytest.warns(UserWarning, match="need Pillow"):
        assert make_env("example", render_mode="rgb_array").render_mode is None


@pytest.mark.parametrize(
    ("action", "step"), [*enumerate([(0, 0), (-1, 0), (0, -1), (1, 0), (0, 1)])]
)
def test_words_and_pictures_of_a_grid_agree(action: int, step: tuple[int, int]) -> None:
    """On 3 columns and 7 rows the mark moves as the word says, in the text and in the layout."""
    from taskloom_hci.report.layout import layout

    bundle = make_bundle("pointing_2d", width=3, height=7, targets=3, assistant={"kind": "gain"})

    def places() -> tuple[tuple[int, int], tuple[float, float]]:
        lines = bundle.task.render().splitlines()
        assert (len(lines), len(lines[0])) == (7, 3)
        text = next(
            (row, column)
            for row, line in enumerate(lines)
            for column, mark in enumerate(line)
            if mark in "o*"
        )
        cursor = next(shape for shape in layout(bundle, "user").shapes if shape.id == "cursor")
        return text, (cursor.y, cursor.x)

    bundle.reset(go_to=1, forced={"task_state": {"position": np.array([1, 3])}})
    (row, column), (y, x) = places()
    bundle.step(user_action=action, go_to=1)
    (row_then, column_then), (y_then, x_then) = places()
    assert (row_then - row, column_then - column) == step
    assert (np.sign(y_then - y), np.sign(x_then - x)) == step
    keys = layout(bundle, "user").keys
    words = {"ArrowUp": (-1, 0), "ArrowLeft": (0, -1), "ArrowDown": (1, 0), "ArrowRight": (0, 1)}
    assert all(
        words[key] == step for key, number in keys.items() if number == action and key in words
    )
