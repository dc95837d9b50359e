"""The roll-out assistant, against an enumeration of everything that can happen."""

# ruff: noqa: ANN401 -- fixtures are of any type

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from taskloom_hci.accelerated import imagined, rollout_kernel
from taskloom_hci.assistants.pointing_rollout import pointing_rollout
from taskloom_hci.assistants.rollout import Rollout
from taskloom_hci.assistants.rollout_agent import Question, RolloutAssistant
from taskloom_hci.batch.play import choose_backend, play
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.exact import hypotheses
from taskloom_hci.models.model import UserModel, safe_log
from taskloom_hci.models.pointing import CarefulModel
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.policies.policy import ConstantPolicy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.state.state import State
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.pointing import PointingUser

TARGETS = [0, 3, 4, 8]
BELIEF = np.array([0.1, 0.4, 0.3, 0.2])


def careful(cell: int, goal: int, error_rate: float) -> dict[int, float]:
    """The user of the enumeration, written down again."""
    if cell == goal:
        return {0: 1.0}
    right = 1 if goal > cell else -1
    return {right: 1.0 - error_rate, -right: error_rate}


def expected(
    cell: int, goal: int, belief: np.ndarray[Any, Any], error_rate: float, halves: int
) -> float:
    """Expected return of the user's next halves, while an assistant jumps to the likeliest target."""
    if halves == 0:
        return 0.0
    total = 0.0
    for action, p in careful(cell, goal, error_rate).items():
        if p == 0.0:
            continue
        total -= p
        if cell == goal and action == 0:
            continue
        after = belief * [careful(cell, t, error_rate).get(action, 0.0) for t in TARGETS]
        after = after / after.sum()
        there = TARGETS[int(np.argmax(after))]
        total += p * expected(there, goal, after, error_rate, halves - 1)
    return total


def game(error_rate: float, **options: Any) -> Bundle:
    task = Pointing((9,), len(TARGETS), "position")
    helper = pointing_rollout(task, None, options.get("rounds", 5), options.get("samples", 0))
    bundle = Bundle(task, PointingUser(task, CarefulModel(error_rate)), helper)
    bundle.reset(
        go_to=3,
        start_after=3,
        forced={
            "task_state": {"targets": TARGETS, "position": 6},
            "assistant_state": {"log_beliefs": np.log(BELIEF)},
        },
    )
    return bundle


def values(bundle: Bundle) -> Any:
    assistant: Any = bundle.assistant
    seen = assistant.observe(affect=False)[0]
    return assistant.policy.values(seen, assistant.state.snapshot(), Stream(7))


def test_rollouts_of_a_perfect_user_are_the_expected_returns() -> None:
    for rounds in (2, 3, 6):
        exact = [
            sum(
                b * expected(cell, goal, BELIEF, 0.0, rounds - 1)
                for b, goal in zip(BELIEF, TARGETS, strict=True)
            )
            for cell in range(9)
        ]
        bundle = game(0.0, rounds=rounds)
        np.testing.assert_allclose(values(bundle), exact, rtol=1e-12)
        chosen = bundle.assistant.take_action(affect=False)[0]  # type: ignore[union-attr] # there is one
        assert exact[int(chosen)] == pytest.approx(max(exact))


def test_rollouts_of_an_erring_user_have_the_expected_mean() -> None:
    rounds, samples = 4, 120
    found = values(game(0.25, rounds=rounds, samples=samples))
    exact = np.array(
        [
            sum(
                b * expected(cell, goal, BELIEF, 0.25, rounds - 1)
                for b, goal in zip(BELIEF, TARGETS, strict=True)
            )
            for cell in range(9)
        ]
    )
    # A return lies in [-3, -1], so a mean of 120 has a standard error below 0.092: five of them, once in 190,000 runs.
    assert np.abs(found - exact).max() < 0.46
    assert np.corrcoef(found, exact)[0, 1] > 0.8


def test_a_rollout_leaves_the_game_alone_and_can_be_pickled() -> None:
    bundle = game(0.1)
    before = bundle.snapshot()
    first = bundle.assistant.take_action(affect=False)[0]  # type: ignore[union-attr] # there is one
    np.testing.assert_equal(bundle.snapshot(), before)
    twin = pickle.loads(pickle.dumps(bundle))  # our own bytes
    assert twin.assistant.take_action(affect=False)[0] == first


def test_rollouts_play_pointing_on_lines_and_grids() -> None:
    line = play(make_bundle("pointing", assistant={"kind": "rollout"}, cells=9, targets=3), 12)
    # Every answer halves three targets at least once, and the arrival is a round as well.
    assert line.is_done.all()
    assert line.num_rounds.mean() < 4
    grid = {"width": 3, "height": 3, "targets": 2, "assistant": {"kind": "rollout", "samples": 3}}
    assert play(make_bundle("pointing_2d", **grid), 4).is_done.all()


@pytest.mark.parametrize("way", ["numpy", "numba"])
def test_simulated_games_played_together_have_the_returns_of_each(
    monkeypatch: Any, way: str
) -> None:
    """Decisions are the same to the bit whether simulated games are played one by one or at once."""
    if way == "numba":
        pytest.importorskip("numba")
    monkeypatch.setattr(imagined, "NUMBA_FROM", 0 if way == "numba" else 10**9)
    for task, config, options in (
        ("pointing", {"cells": 7, "targets": 3}, {"rounds": 5}),
        ("pointing", {"cells": 6, "targets": 2, "user": {"kind": "boltzmann"}}, {"samples": 2}),
        ("pointing", {"cells": 6, "targets": 2}, {"rounds": 1}),
        ("pointing", {"cells": 6, "targets": 3}, {"assumed_lapse": 0.0, "assumed_error_rate": 0.3}),
        ("pointing_2d", {"width": 3, "height": 2, "targets": 2}, {"rounds": 4}),
    ):
        bundle = make_bundle(task, seed=5, assistant={"kind": "rollout", **options}, **config)
        bundle.reset(go_to=3)
        while not bundle.over:
            assistant: Any = bundle.assistant
            seen, own = assistant.observation, assistant.state.snapshot()
            together = assistant.policy.values(seen, own, Stream(bundle.round_index))
            simulation = assistant.policy._simulation
            kept, simulation.together = simulation.together, None
            alone = assistant.policy.values(seen, own, Stream(bundle.round_index))
            simulation.together = kept
            np.testing.assert_array_equal(together, alone)
            bundle.step()


@pytest.mark.parametrize("way", ["numpy", "numba"])
def test_games_with_rollouts_are_played_together_as_alone(monkeypatch: Any, way: str) -> None:
    if way == "numba":
        pytest.importorskip("numba")
    at_once = 0 if way == "numba" else 10**9
    monkeypatch.setattr(rollout_kernel, "NUMBA_FROM", at_once)
    for task, config, options in (
        ("pointing", {"cells": 7, "targets": 3}, {"rounds": 5}),
        ("pointing", {"cells": 6, "targets": 2, "user": {"kind": "boltzmann"}}, {}),
        ("pointing", {"cells": 7, "targets": 3}, {"tried": "targets", "assumed_lapse": 0.0}),
        ("pointing_2d", {"width": 3, "height": 2, "targets": 2}, {"tried": "targets"}),
        ("pointing", {"cells": 6, "targets": 3}, {"rounds": 1}),
    ):
        game = {"assistant": {"kind": "rollout", **options}, **config}
        alone, together = (
            play(make_bundle(task, seed=5, **game), 6, kind)  # type: ignore[arg-type] # both are ways
            for kind in ("loop", "numpy")
        )
        assert alone.digest() == together.digest(), (task, options)
    drawn = make_bundle("pointing", assistant={"kind": "rollout", "samples": 2})
    assert choose_backend(drawn, 10**6) == "loop"  # its draws depend on what was drawn before


class Nodding(UserModel):
    """Nods (1) at the number it has in mind, else shakes its head (0); errs in one of ten."""

    hidden = ("wish",)
    actions = np.arange(2)

    def log_prob(self, observation: Any, theta: Any) -> Any:
        hit = np.asarray(observation["offer"]) == np.asarray(theta["wish"])
        yes = np.where(hit, 0.9, 0.1)
        return safe_log(np.stack([1.0 - yes, yes], axis=-1))


class Offering(InteractionTask):
    """The assistant offers a number, the user nods or not; a nod ends the game."""

    max_rounds = 30

    def __init__(self) -> None:
        super().__init__()
        self.state["offer"] = discrete_array_element(4, init=0)

    def user_element(self) -> Any:
        return discrete_array_element(2, init=0)

    def assistant_element(self) -> Any:
        return discrete_array_element(4, init=0)

    def reset(self, forced: Any = None) -> None:
        self.state["offer"] = 0

    def on_user_action(self, *, user_action: Any) -> Any:
        return self.state, -1.0, bool(user_action == 1)

    def on_assistant_action(self, *, assistant_action: Any) -> Any:
        self.state["offer"] = assistant_action
        return None


def wishing(task: Any, model: Any) -> Agent:
    state = State(wish=discrete_array_element(4, init=2))
    return Agent("user", policy=ModelPolicy(model, task.user_element()), state=state)


def offering_the_first(task: Any, model: Any) -> Agent:
    return Agent("assistant", policy=ConstantPolicy(task.assistant_element()))


def test_any_task_with_hypotheses_and_a_user_model_can_be_rolled_out() -> None:
    task = Offering()
    question = Question(
        hypotheses(wish=np.arange(4)), 4, wishing, offering_the_first, lambda log_beliefs, known: {}
    )
    helper = RolloutAssistant(task, question, np.arange(4), model=Nodding(), rounds=3)
    bundle = Bundle(task, wishing(task, Nodding()), helper)
    bundle.reset(go_to=3)
    # The user shook its head at 0 (or nodded by mistake, and the game was over): 0 is now the least likely.
    assert not bundle.over
    p = np.exp(helper.state["log_beliefs"])
    np.testing.assert_allclose(p, np.array([0.1, 0.9, 0.9, 0.9]) / 2.8)
    while not bundle.over and bundle.round_index < 12:
        bundle.step()
    assert np.exp(helper.state["log_beliefs"]).argmax() == 2 or bundle.is_done


def test_what_cannot_be_rolled_out_is_one_sentence() -> None:
    task = Pointing((9,), 3, "position")
    user = PointingUser(task, policy=ConstantPolicy(task.user_element()))
    with pytest.raises(BundleConstraintError, match="needs a user model"):
        Bundle(task, user, pointing_rollout(task, None, 3, 0))
    with pytest.raises(BundleConstraintError, match="plays pointing and coordinated tasks"):
        Rollout().build(Offering())
    wrong = pointing_rollout(task, CarefulModel(0.1), 3, 0)
    with pytest.raises(HciError, match="part of a bundle"):
        wrong.policy.act({}, {}, Stream(0))
