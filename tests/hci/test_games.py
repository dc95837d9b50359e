"""Gaze, teaching, coordination, pipes and games inside games."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom_hci.batch.play import play
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.simulation import GameAsObservation, GameAsPolicy
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.games.pipe import PipeTask
from taskloom_hci.games.simple import Example
from taskloom_hci.models.memory import log_recall
from taskloom_hci.models.polynomial import PolynomialModel
from taskloom_hci.policies.feedback import LinearFeedback
from taskloom_hci.policies.gaze import covariance
from taskloom_hci.policies.leitner import NEW
from taskloom_hci.policies.policy import ConstantPolicy, DualPolicy
from taskloom_hci.state.elements import array_element, discrete_array_element
from taskloom_hci.state.streams import Stream


def test_the_polynomial_user_follows_the_published_sequence() -> None:
    p = np.exp(PolynomialModel((1, 5, 7)).log_prob({"x": np.arange(10)}, {}))
    assert p.argmax(axis=1).tolist() == [8, 1, 6, 5, 0, 3, 6, 1, 0, 5]


def test_knowing_the_user_takes_nine_rounds() -> None:
    bundle = make_bundle("coordinated", assistant={"kind": "predict"})
    bundle.reset(go_to=3)
    results = []
    while not bundle.over:
        results.append(bundle.step())
    assert (len(results), sum(result.reward for result in results)) == (9, -18.0)


def test_a_wrong_belief_never_ends() -> None:
    episodes = play(make_bundle("coordinated", assistant={"kind": "predict", "p0": 5}), 1)
    assert (episodes.returns[0], episodes.truncated[0]) == (-200.0, True)


def test_rollouts_find_out_and_lose_nothing() -> None:
    bundle = make_bundle(
        "coordinated", assistant={"kind": "rollout"}, user={"kind": "polynomial", "p0": 6}
    )
    episodes = play(bundle, 1)
    # Nine rounds that match and the half in which the user notices.
    assert (episodes.num_rounds[0], episodes.returns[0]) == (10, -19.0)
    assert np.exp(bundle.assistant.state["log_beliefs"]).argmax() == 6


def test_a_simulation_leaves_the_real_game_alone() -> None:
    bundle = make_bundle("coordinated", assistant={"kind": "rollout"})
    bundle.reset(go_to=3)
    before, counter = bundle.snapshot(), bundle.task.stream.counter
    action = bundle.assistant.take_action(affect=False)[0]
    np.testing.assert_equal(bundle.snapshot(), before)
    assert bundle.task.stream.counter == counter
    assert action == bundle.last_action("user")
    twin = pickle.loads(pickle.dumps(bundle))  # our own bytes
    assert twin.assistant.take_action(affect=False)[0] == action


@pytest.mark.parametrize(
    ("config", "mean", "error"),
    [
        ({"dimension": 2, "user": {"kind": "gaze"}}, 9.97, 0.18),
        (
            {
                "dimension": 1,
                "user": {"kind": "gaze", "perceptual_noise": 0.2, "oculomotor_noise": 0.2},
            },
            6.14,
            0.19,
        ),
        (
            {"user": {"kind": "gaze", "perceptual_noise": 0.01, "oculomotor_noise": 0.01}},
            2.13,
            0.02,
        ),
    ],
    ids=["2-d", "1-d", "sharp"],
)
def test_fixations_are_as_many_as_published(
    config: dict[str, Any], mean: float, error: float
) -> None:
    rounds = play(make_bundle("gaze", seed=2, **config), 700).num_rounds
    margin = 4 * np.hypot(rounds.std() / np.sqrt(len(rounds)), error)  # one false alarm in 16,000
    assert abs(rounds.mean() - mean) < margin


def test_eyes_see_worse_away_from_the_fixation() -> None:
    gaze = np.array([0.3, 0.4])
    np.testing.assert_allclose(
        np.linalg.eigvalsh(covariance(gaze, 0.1, "variance")), [0.0375, 0.05]
    )
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance(gaze, 0.1, "sd")), [0.001875, 0.0025])
    along = gaze @ covariance(gaze, 0.1, "variance") @ gaze / 0.25
    assert along == pytest.approx(0.05)


def test_forgetting_follows_its_formula() -> None:
    p = np.exp(log_recall(np.array([0, 1, 3]), np.array([1.0, 10.0, 10.0]), 0.01, 0.2))
    np.testing.assert_allclose(p, [0.0, np.exp(-0.1), np.exp(-0.01 * 0.64 * 10)])


def test_the_teachers_differ_as_they_should() -> None:
    learnt = {
        kind: play(make_bundle("teaching", assistant={"kind": kind}, episodes=1), 1).returns[0]
        for kind in ("leitner", "myopic", "conservative")
    }
    # Looking ahead to the exam pays; the seed system's figures for the first two are 7 and 5, with its defects.
    assert learnt["conservative"] > learnt["myopic"] > 4
    assert 5 <= learnt["leitner"] <= 10


def test_leitner_introduces_new_items() -> None:
    # B21: boxes started at 0, so that no item ever counted as new.
    bundle = make_bundle("teaching", assistant={"kind": "leitner"}, items=6, trials=12)
    bundle.reset()
    shown = []
    while not bundle.over:
        bundle.step()
        shown.append(int(bundle.task.state["item"]))
        boxes = bundle.assistant.state["boxes"]
        # In the first round nothing was answered yet; from then on an item is in a box exactly if it was shown before.
        seen = {item for item in shown[:-1]} if not bundle.over else set(shown)
        assert {int(i) for i in np.flatnonzero(boxes != NEW)} <= seen | {shown[-1]}
    assert set(shown) == set(range(6))


def test_teacher_and_user_count_repetitions_alike() -> None:
    # B21: the myopic teacher assumed one repetition more than the user had.
    bundle = make_bundle("teaching", assistant={"kind": "myopic"}, items=5, trials=10)
    bundle.reset()
    while bundle.round_index < 15:
        bundle.step(go_to=3)
        np.testing.assert_array_equal(bundle.assistant.state["seen"], bundle.user.state["seen"])
        np.testing.assert_array_equal(bundle.assistant.state["last"], bundle.user.state["last"])
        bundle.step(go_to=0)


def test_optimal_users_take_the_fewest_rounds() -> None:
    one = play(
        make_bundle("pointing", user={"kind": "optimal"}, assistant={"kind": "gain"}), 500, "numpy"
    )
    start, goal = (
        one.rounds["task_state__position"][one.offsets[:-1]],
        one.fixed["user_state__goal"],
    )
    np.testing.assert_array_equal(one.num_rounds, np.abs(start - goal) + 1)
    faster = {"user": {"kind": "optimal", "gain": 3}, "assistant": {"kind": "gain", "gain": 3}}
    careful = {
        "user": {"kind": "careful", "error_rate": 0.0},
        "assistant": {"kind": "gain", "gain": 3},
    }
    # With steps of three most goals are reached only by way of a border, which the optimal user finds.
    reached = [
        play(make_bundle("pointing", **config), 500, "numpy").is_done.mean()
        for config in (faster, careful)
    ]
    assert reached[0] > reached[1]


def test_a_recorded_user_does_it_again(tmp_path: Path) -> None:
    first = play(make_bundle("pointing", seed=4), 12, "loop")
    first.save(tmp_path / "episodes.npz")
    config = {"user": {"kind": "replay", "file": str(tmp_path / "episodes.npz")}}
    again = play(make_bundle("pointing", seed=4, **config), 12)
    np.testing.assert_array_equal(again.rounds["user_action"], first.rounds["user_action"])
    np.testing.assert_array_equal(again.num_rounds, first.num_rounds)
    with pytest.raises(HciError, match="no round 0 of episode 12"):
        play(make_bundle("pointing", seed=4, **config), [12])
    with pytest.raises(BundleConstraintError, match="no recording"):
        make_bundle("pointing", user={"kind": "replay", "file": "nowhere.npz"})


def test_a_piped_game_is_the_game() -> None:
    helper = {"kind": "random"}
    piped = make_bundle("pipe", seed=3, assistant=helper)
    plain = make_bundle("example", seed=3)
    one, other = play(piped, 6), play(plain, 6)
    np.testing.assert_array_equal(one.rounds["task_state__x"], other.rounds["task_state__x"])
    twin = pickle.loads(pickle.dumps(piped))  # our own bytes; it starts a process of its own
    piped.close()
    assert play(twin, 6).digest() == one.digest()
    twin.close()


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("", "ended"),
        ("input(); print('hello')", "no JSON"),
        ('input(); print(\'{"type": "weather"}\')', "task_state was expected"),
        ("import time; time.sleep(9)", "did not answer"),
        (
            "import json\ninput(); print(json.dumps({'type': 'task_state', 'x': 77}), flush=True); input()",
            "outside",
        ),
    ],
    ids=["nothing", "text", "nonsense", "silence", "bad value"],
)
def test_a_bad_process_is_one_sentence(program: str, complaint: str) -> None:
    x = discrete_array_element(low=-1, high=4, init=0, out_of_bounds_mode="error")
    step = discrete_array_element(low=-1, high=1, init=0)
    task = PipeTask(
        (sys.executable, "-c", program), {"x": x}, user=step, assistant=step, timeout=1.0
    )
    bundle = Bundle(task, Agent("user", policy=ConstantPolicy(step)))
    with pytest.raises(HciError, match=complaint):
        bundle.reset()
    bundle.close()


def test_a_missing_program_is_named() -> None:
    step = discrete_array_element(low=-1, high=1, init=0)
    task = PipeTask(("no-such-program",), {"x": step}, user=step, assistant=step)
    with pytest.raises(HciError, match="'no-such-program' could not be started"):
        Bundle(task, Agent("user", policy=ConstantPolicy(step))).reset()


def test_a_game_can_be_an_eye() -> None:
    # Looking for the cursor after a jump costs what the gaze game costs.
    gaze = make_bundle(
        "gaze", user={"kind": "gaze", "perceptual_noise": 0.01, "oculomotor_noise": 0.01}
    )
    eye = GameAsObservation(
        gaze, lambda game: {}, lambda game, last: {**game, "gaze": last["task_state"]}
    )
    user = Agent(
        "user",
        policy=ConstantPolicy(discrete_array_element(low=-1, high=1, init=1)),
        observation=eye,
    )
    bundle = Bundle(Example(), user, seed=3)
    bundle.reset()
    result = bundle.step()
    assert result.rewards["user_observation_reward"] <= -1
    assert "gaze" in bundle.user.observation
    again = Bundle(Example(), user, seed=3)
    again.reset()
    assert again.step().rewards == result.rewards


def test_a_game_can_be_a_hand() -> None:
    inner = make_bundle("example")
    element = discrete_array_element(low=-1, high=4, init=0)
    hand = GameAsPolicy(element, inner, lambda seen: {}, lambda last: last["task_state"]["x"])
    bundle = Bundle(Example(), Agent("user", policy=hand))
    bundle.reset()
    result = bundle.step()
    assert result.is_done
    assert result.rewards["user_policy_reward"] <= -1


def test_linear_feedback_follows_its_gains() -> None:
    element = array_element((2,))
    x = {"task_state": {"x": np.array([1.0, -2.0])}, "game_info": {"round_index": 1}}
    act = lambda policy: policy.act(x, {}, Stream(0))[0].tolist()  # noqa: E731
    assert act(LinearFeedback(element)) == [1.0, -2.0]
    assert act(LinearFeedback(element, np.diag([2.0, 3.0]))) == [-2.0, 6.0]
    assert act(LinearFeedback(element, np.stack([np.eye(2), 4 * np.eye(2)]))) == [-4.0, 8.0]
    noisy = LinearFeedback(
        element, np.eye(2), noise=lambda action, stream: action + stream.uniform()
    )
    assert act(noisy) != [-1.0, 2.0]
    with pytest.raises(HciError, match="2 rows"):
        LinearFeedback(element, np.ones((1, 2)))


def test_dual_policies_switch() -> None:
    yes, no = (ConstantPolicy(discrete_array_element(low=0, high=1, init=i)) for i in (1, 0))
    policy = DualPolicy(yes, no)
    assert policy.act({}, {}, Stream(0))[0] == 1
    policy.mode = "dual"
    assert policy.act({}, {}, Stream(0))[0] == 0


def test_predict_answers_like_a_learned_model() -> None:
    bundle = make_bundle("pointing", seed=1)
    bundle.reset(go_to=1)
    first = bundle.user.predict()
    assert bundle.user.predict() == first
    assert first[1] is None
