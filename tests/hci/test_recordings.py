"""People whom no assistant finds impossible, and recordings of what agents earned, saw and believed."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from taskloom_hci.batch.episodes import load
from taskloom_hci.batch.play import play
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.exports.env import GameEnv
from tests_sizes import size


@pytest.mark.parametrize("assistant", ["big", "map"])
@pytest.mark.parametrize("user", ["careful", "boltzmann"])
def test_no_action_of_a_person_is_impossible(assistant: str, user: str) -> None:
    bundle = make_bundle("pointing", assistant={"kind": assistant}, user={"kind": user}, seed=1)
    env = GameEnv(bundle, "user")
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(size("random_rounds")):
        _, _, done, cut, _ = env.step(int(rng.integers(3)))
        p = np.exp(bundle.assistant.state["log_beliefs"])  # type: ignore[union-attr] # there is one
        assert np.isfinite(p).all()
        assert p.sum() == pytest.approx(1.0, abs=1e-12)
        if done or cut:
            env.reset()


def test_a_pause_on_a_target_rules_it_out() -> None:
    bundle = make_bundle("pointing", seed=1)
    bundle.reset(go_to=1)
    targets = bundle.task.state["targets"]
    goal = int(bundle.user.state["goal"])  # type: ignore[union-attr] # there is one
    other = next(i for i, cell in enumerate(targets) if cell != goal)
    bundle.reset(go_to=1, episode=0, forced={"task_state": {"position": targets[other]}})
    bundle.step(user_action=0, go_to=3)
    p = np.exp(bundle.assistant.state["log_beliefs"])  # type: ignore[union-attr] # there is one
    assert p[other] == 0.0
    assert np.delete(p, other) == pytest.approx(1 / 7)


@pytest.mark.parametrize("suffix", [".npz", ".jsonl"])
def test_a_full_recording_is_read_back_and_played_again(tmp_path: Any, suffix: str) -> None:
    file = tmp_path / f"games{suffix}"
    bundle = make_bundle("pointing", seed=3, cells=9, targets=3)
    recorded = play(bundle, 6, full=True)
    (recorded.save if suffix == ".npz" else recorded.save_jsonl)(file)
    read = load(file)
    assert read.is_full
    np.testing.assert_array_equal(read.rewards, recorded.rewards)
    for name in ("rewards", "belief/assistant", "observation/user/user_state__goal", "user_action"):
        np.testing.assert_array_equal(read.rounds[name], recorded.rounds[name])
    # The trajectory is that of a recording of actions alone.
    plain = play(make_bundle("pointing", seed=3, cells=9, targets=3), 6, "numpy")
    np.testing.assert_array_equal(plain.rounds["user_action"], recorded.rounds["user_action"])
    assert not plain.is_full
    again = {"kind": "replay", "file": str(file)}
    replayed = play(make_bundle("pointing", seed=3, cells=9, targets=3, user=again), 6)
    np.testing.assert_array_equal(replayed.num_rounds, recorded.num_rounds)


def test_a_recorded_belief_is_the_one_held_when_the_agent_acted() -> None:
    recorded = play(make_bundle("pointing", seed=3), 1, full=True)
    bundle = make_bundle("pointing", seed=3)
    bundle.reset(go_to=3, episode=0)
    held = bundle.assistant.state["log_beliefs"]  # type: ignore[union-attr] # there is one
    np.testing.assert_array_equal(recorded.rounds["belief/assistant"][0], held)


def test_rewards_that_do_not_sum_are_found_on_loading(tmp_path: Any) -> None:
    recorded = play(make_bundle("pointing", seed=3), 2, full=True)
    recorded.rounds["rewards"][0] += 1.0
    recorded.save(tmp_path / "wrong.npz")
    with pytest.raises(HciError, match="do not sum"):
        load(tmp_path / "wrong.npz")
    (tmp_path / "wrong.jsonl").write_text('{"episode": 0, "round": 0}\n[1]\n')
    with pytest.raises(HciError, match=r"Line 2 of wrong\.jsonl"):
        load(tmp_path / "wrong.jsonl")
