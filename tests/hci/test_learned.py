"""Policies of Stable-Baselines3, from their files into games and back, with nothing unpickled."""

# ruff: noqa: ANN401 -- models are of any type

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom_hci.batch.play import choose_backend, play
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.exports.learned import load_policy, network_of, save_policy
from taskloom_hci.inference.optimum import fewest_rounds
from taskloom_hci.policies.network import Network, NetworkPolicy, Senses
from taskloom_hci.state.elements import array_element, discrete_array_element
from taskloom_hci.state.streams import Stream


@pytest.fixture(scope="module")
def trained(tmp_path_factory: Any) -> tuple[Any, Any, Path]:
    """Return a PPO model that hardly learned, its games and its file."""
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO
    from taskloom_hci.exports.sb3 import PointingVecEnv

    env = PointingVecEnv(make_bundle("pointing", max_rounds=6), 4)
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=64, n_epochs=1, device="cpu", seed=0)
    model.learn(128)
    path = tmp_path_factory.mktemp("policy") / "policy.zip"
    save_policy(model, path, env.keys, low=env.low, span=env.span)
    return model, env, path


def test_a_loaded_policy_does_what_the_model_does(trained: Any) -> None:
    model, env, path = trained
    policy = load_policy(path).policy(discrete_array_element(low=-1, high=1, init=0))
    rng = np.random.default_rng(0)
    for _ in range(100):
        position, goal = rng.integers(0, 31, 2)
        seen = {"task_state": {"position": position}}
        action, _ = policy.act(seen, {"goal": goal}, Stream(0))
        look = env._flat(
            {
                "task_state__position": np.array([[position]]),
                "user_state__goal": np.array([[goal]]),
            }
        )
        assert action == model.predict(look[0], deterministic=True)[0] - 1


def test_a_policy_survives_the_file_and_sb3_still_reads_it(trained: Any) -> None:
    from stable_baselines3 import PPO

    model, _, path = trained
    again = PPO.load(path, device="cpu")
    look = np.array([0.3, 0.7], dtype=np.float32)
    assert again.predict(look, deterministic=True)[0] == model.predict(look, deterministic=True)[0]


def test_nothing_is_unpickled(trained: Any, tmp_path: Path, monkeypatch: Any) -> None:
    import pickle

    _, _, path = trained
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(evil, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            # The pickled objects of Stable-Baselines3 are replaced by what no loader would survive.
            target.writestr(name, b"not even JSON" if name == "data" else text)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was unpickled")

    for name in ("loads", "load", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr("cloudpickle.loads", refuse)
    assert load_policy(evil).senses.keys == ("task_state__position", "user_state__goal")


class Poison:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return (print, ("unpickled",))


def test_weights_that_hide_an_object_are_refused(trained: Any, tmp_path: Path, capsys: Any) -> None:
    import torch

    buffer = io.BytesIO()
    torch.save({"a": Poison()}, buffer)
    path = tmp_path / "poison.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("policy.pth", buffer.getvalue())
    with pytest.raises(HciError, match="cannot be read safely"):
        load_policy(path, keys=["a"])
    assert "unpickled" not in capsys.readouterr().out


def test_trained_agents_play(trained: Any, tmp_path: Path) -> None:
    _, _, path = trained
    bundle = make_bundle("pointing", user={"kind": "learned", "file": str(path)}, max_rounds=5)
    assert choose_backend(bundle, 5) == "loop"
    one = play(bundle, 5)
    drawn = {"kind": "learned", "file": str(path), "deterministic": False}
    two, three = (play(make_bundle("pointing", user=drawn, max_rounds=5), 5) for _ in range(2))
    assert two.digest() == three.digest() != one.digest()
    with pytest.raises(BundleConstraintError, match="trained as the user"):
        make_bundle("pointing", assistant={"kind": "learned", "file": str(path)})
    with pytest.raises(BundleConstraintError, match="has 3 outputs"):
        make_bundle("coordinated", user={"kind": "learned", "file": str(path)})


def test_an_assistant_is_trained_saved_and_played(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO
    from taskloom_hci.exports.sb3 import PointingVecEnv

    helper = {"kind": "map", "on_zero": "uniform"}
    env = PointingVecEnv(
        make_bundle("pointing", assistant=helper, cells=9, targets=3), 4, train="assistant"
    )
    assert env.observation_space.shape == (1 + 3 + 3,)
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=64, n_epochs=1, device="cpu", seed=0)
    model.learn(64)
    path = tmp_path / "assistant.zip"
    save_policy(model, path, env.keys, role="assistant", low=env.low, span=env.span)
    config = {"assistant": {"kind": "learned", "file": str(path)}, "cells": 9, "targets": 3}
    episodes = play(make_bundle("pointing", **config, max_rounds=4), 6)
    jumps = episodes.rounds["assistant_action"]
    assert ((jumps >= 0) & (jumps < 9)).all()


def test_dict_observations_are_taken_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO
    from taskloom_hci.exports.env import GameEnv, as_array

    env = GameEnv(make_bundle("pointing", max_rounds=4))
    model = PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, n_epochs=1, device="cpu", seed=0)
    path = tmp_path / "dict.zip"
    model.save(path)
    found = load_policy(path, keys=sorted(env.observation_space.spaces), activation="tanh")
    policy = found.policy(env.agent.policy.element)
    for seed in range(8):
        seen, _ = env.reset(seed=seed)
        known = env.agent.observation
        action, _ = policy.act(known, env.agent.state.snapshot(), Stream(0))  # type: ignore[arg-type] # it looked
        assert action + 1 == model.predict(seen, deterministic=True)[0]
        np.testing.assert_array_equal(
            found.senses({**known, "user_state": env.agent.state.snapshot()}),  # type: ignore[dict-item] # it looked
            as_array(seen).astype(np.float32),
        )


def layer(rows: int, columns: int) -> Any:
    return np.ones((rows, columns), np.float32), np.zeros(rows, np.float32)


def test_real_valued_and_several_choices_come_out_right() -> None:
    senses = Senses(("task_state__x",), np.zeros(2), np.ones(2))
    seen = {"task_state": {"x": np.array([1.0, 2.0])}}
    box = array_element((2,), low=-2.0, high=2.0, init=np.zeros(2))
    network = Network([layer(2, 2)], "tanh", np.full(2, -20.0, np.float32))
    exact = NetworkPolicy(network, senses, box, "user").act(seen, {}, Stream(0))[0]
    assert exact.tolist() == [2.0, 2.0]  # 3, clipped
    free = array_element((2,), low=-9.0, high=9.0, init=np.zeros(2))
    drawn = NetworkPolicy(network, senses, free, "user", deterministic=False)
    np.testing.assert_allclose(drawn.act(seen, {}, Stream(0))[0], [3.0, 3.0], atol=1e-6)
    several = discrete_array_element(low=np.array([0, -1]), high=np.array([1, 1]))
    weights = np.zeros((5, 2), np.float32)
    biases = np.array([0, 1, 0, 0, 9], np.float32)
    choice = NetworkPolicy(Network([(weights, biases)], "relu"), senses, several, "user")
    assert choice.act(seen, {}, Stream(0))[0].tolist() == [1, 1]
    draws = NetworkPolicy(choice.network, senses, several, "user", deterministic=False)
    stream = Stream(1)
    first = np.mean([draws.act(seen, {}, stream)[0][0] for _ in range(2000)])
    # P(1) = e / (1 + e) = 0.731; five standard errors of 0.0099.
    assert abs(first - np.e / (1 + np.e)) < 0.05


def test_bad_files_are_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    import torch

    def write(members: dict[str, Any]) -> Path:
        path = tmp_path / "p.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        return path

    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(2)}, buffer)
    weights = buffer.getvalue()
    facts = {
        "format": "taskloom-hci-policy",
        "role": "user",
        "keys": ["a"],
        "low": [0],
        "span": [1],
    }
    plain = tmp_path / "text.zip"
    plain.write_text("hello")
    for path, complaint in (
        (tmp_path / "none.zip", "no saved policy at"),
        (plain, "is no zip file"),
        (write({"data": "{}"}), "holds no policy.pth"),
    ):
        with pytest.raises(HciError, match=complaint):
            load_policy(path)
    for members, complaint in (
        ({"policy.pth": weights}, "no taskloom.json"),
        ({"policy.pth": weights, "taskloom.json": "{"}, "is no JSON"),
        ({"policy.pth": weights, "taskloom.json": "[]"}, "not of the format"),
        ({"policy.pth": weights, "taskloom.json": json.dumps(facts)}, "incomplete: 'activation'"),
        (
            {"policy.pth": weights, "taskloom.json": json.dumps({**facts, "activation": "tanh"})},
            "neither of PPO, A2C nor DQN",
        ),
        ({"policy.pth": b"xx", "taskloom.json": json.dumps(facts)}, "cannot be read safely"),
    ):
        with pytest.raises(HciError, match=complaint):
            load_policy(write(members))
    with pytest.raises(HciError, match="does not fit"):
        network_of(
            {"q_net.q_net.0.weight": layer(2, 2)[0], "q_net.q_net.0.bias": np.zeros(3)}, "relu"
        )
    senses = Senses(("task_state__x", "task_state__y"), np.zeros(2), np.ones(2))
    policy = NetworkPolicy(
        Network([layer(3, 2)], "relu"), senses, discrete_array_element(3), "user"
    )
    with pytest.raises(HciError, match="needs 'task_state__y'"):
        policy.act({"task_state": {"x": 1}}, {}, Stream(0))
    with pytest.raises(HciError, match="trained with 2 numbers"):
        policy.act({"task_state": {"x": 1, "y": np.zeros(2)}}, {}, Stream(0))


@pytest.mark.parametrize(
    ("task", "small"),
    [
        ("pointing", {"cells": 9, "targets": 3, "assistant": {"kind": "gain"}}),
        ("pointing", {"cells": 9, "targets": 3, "assistant": None}),
        ("pointing_2d", {"width": 4, "height": 3, "targets": 3, "assistant": {"kind": "gain"}}),
    ],
)
def test_value_iteration_trains_a_user_without_regret(
    task: str, small: Any, tmp_path: Path
) -> None:
    pytest.importorskip("stable_baselines3")
    from taskloom_hci.exports.training import train

    file = tmp_path / "table.zip"
    (point,) = train(make_bundle(task, **small), "user", "tabular", 1, file, games=60)
    assert (point.regret, point.success) == (0.0, 1.0)
    learned = {"kind": "learned", "file": str(file)}
    by_table = play(make_bundle(task, **{**small, "user": learned}, seed=3), 20)
    best = play(make_bundle(task, **{**small, "user": {"kind": "optimal"}}, seed=3), 20)
    np.testing.assert_array_equal(by_table.num_rounds, best.num_rounds)
    with pytest.raises(HciError, match="table of a grid"):
        make_bundle("pointing", cells=20, targets=3, assistant={"kind": "gain"}, user=learned)
    with pytest.raises(HciError, match="constant gain"):
        train(make_bundle("pointing"), "assistant", "tabular", 1, file, games=2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", ["pointing", "pointing_2d"])
def test_a_user_in_training_is_measured_against_its_own_games(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training a user ended with a traceback: a place on a line is a row of one number."""
    pytest.importorskip("stable_baselines3")
    from taskloom_hci.exports.training import train

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    small = {"cells": 9} if task == "pointing" else {"width": 4, "height": 3}
    game = make_bundle(task, **small, targets=3, max_rounds=6, assistant={"kind": "gain"})
    curve = train(game, "user", "ppo", 64, tmp_path / "u.zip", num_envs=4, games=20)
    assert curve[-1].regret is not None
    assert curve[-1].regret >= 0.0
    # One cache of PyTorch's stays, whatever is done with it: a folder for each training is what grew without end.
    assert {path.name.partition("_")[0] for path in temporary.iterdir()} <= {"torchinductor"}


@pytest.mark.filterwarnings("ignore")
def test_an_assistant_learns_to_be_nearly_optimal_and_plays_on_another_line(tmp_path: Path) -> None:
    from taskloom_hci.exports.training import train

    file = tmp_path / "helper.zip"
    small = {"cells": 9, "targets": 4}
    curve = train(
        make_bundle("pointing", **small),
        "assistant",
        "ppo",
        120_000,
        file,
        num_envs=64,
        games=500,
        stop_at=0.03,
    )
    # Five standard errors of 500 games: a mean below the optimum would be a fault of counting.
    spread = 5 * (curve[-1].high - curve[-1].rounds) / 1.96  # type: ignore[operator] # there are many games
    assert curve[-1].regret is not None
    assert -spread < curve[-1].regret * 2.77145
    assert curve[-1].regret < 0.06
    learned = {"kind": "learned", "file": str(file)}
    wider = make_bundle("pointing", cells=21, targets=6, assistant=learned)
    assert play(wider, 100).num_rounds.mean() < 1.3 * fewest_rounds(6, 0.05)
