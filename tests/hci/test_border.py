"""The border of the domain: what a game earns, draws and refuses is the same in every environment for learners."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import numpy as np
import pytest
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.randomness import findings
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.exports.common import PATIENCE
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.exports.sb3 import PointingVecEnv
from taskloom_hci.exports.vector import PointingVector
from taskloom_hci.exports.vector_assistant import AssistantVector
from taskloom_hci.exports.zoo import GameAEC, GameParallel
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.policies.policy import ConstantPolicy, RandomPolicy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.state.streams import Stream, query_key
from tests_sizes import size

GAMES: dict[str, dict[str, Any]] = {
    "example": {},
    "coordinated": {},
    "pointing": {"cells": 9, "targets": 3},
    "pointing_2d": {"width": 4, "height": 3, "targets": 3},
    "gaze": {"max_rounds": 20},
    "classic_control": {"max_rounds": 20},
    "teaching": {"items": 3, "trials": 4},
    "pipe": {},
}


class Recorded:
    """One game of a bundle, with its actions by role and what it earned."""

    def __init__(self, bundle: Bundle, seed: int) -> None:
        bundle.max_rounds = min(bundle.max_rounds or 40, 40)
        bundle.reset(go_to=0, seed=seed)
        self.total, self.actions = 0.0, {"user": list[Any](), "assistant": list[Any]()}
        while not bundle.over:
            turn = int(bundle.turn)
            self.total += bundle.step(go_to=(turn + 1) % 4).reward
            role = {1: "user", 3: "assistant"}.get(turn)
            if role is not None and getattr(bundle, role) is not None:
                self.actions[role].append(bundle.last_action(role))  # type: ignore[arg-type] # one of the two


def _fed(bundle: Bundle, train: Any, recorded: Recorded, opening: Any) -> float | None:
    env = GameEnv(bundle, train, opening=opening)
    _, info = env.reset(seed=recorded_seed(recorded))
    if info["skipped"]:
        return None
    total = sum(info["opening"].values()) if opening == "info" else 0.0
    for action in recorded.actions[train]:
        _, reward, done, cut, _ = env.step(env._code.encode(action))
        total += reward
        if done or cut:
            break
    return total


def recorded_seed(recorded: Recorded) -> int:
    return int(recorded.seed)  # type: ignore[attr-defined] # set where it was made


@pytest.mark.parametrize("name", sorted(GAMES))
def test_every_door_hands_out_what_the_game_earned(name: str) -> None:
    # Real-valued actions pass a learner's space in single precision, which the reward of a control may show.
    close = 1e-5 if name in {"gaze", "classic_control"} else 1e-12
    for seed in range(size("conserved_games")):
        made = make_bundle(name, **GAMES[name])
        recorded = Recorded(made, seed)
        recorded.seed = seed  # type: ignore[attr-defined] # for the environments
        made.close()
        roles = [role for role in ("user", "assistant") if getattr(made, role) is not None]
        for train in roles:
            for opening in ("first_step", "info"):
                bundle = make_bundle(name, **GAMES[name])
                bundle.max_rounds = made.max_rounds
                total = _fed(bundle, train, recorded, opening)
                bundle.close()
                assert total is None or total == pytest.approx(recorded.total, abs=close)
        assert _by_turns(name, recorded, made.max_rounds) == pytest.approx(
            recorded.total, abs=close
        )


def _by_turns(name: str, recorded: Recorded, limit: int | None) -> float:
    bundle = make_bundle(name, **GAMES[name])
    bundle.max_rounds = limit
    env = GameAEC(bundle)
    env.reset(seed=recorded_seed(recorded))
    left = {role: iter(actions) for role, actions in recorded.actions.items()}
    total = 0.0
    for agent in env.agent_iter(1000):
        _, reward, done, cut, _ = env.last()
        total += reward
        over = done or cut
        env.step(None if over else env._seats.codes[agent].encode(next(left[agent])))
    bundle.close()
    return total


def _alone(**options: Any) -> Bundle:
    step = discrete_array_element(low=-1, high=1, init=0)
    return Bundle(Example(), Agent("user", policy=RandomPolicy(step)), **options)


def test_shares_of_an_absent_agent_go_to_the_other_and_shares_sum_to_one() -> None:
    env = GameParallel(_alone(seed=0))
    env.reset(seed=0)
    total = 0.0
    while env.agents:
        total += env.step({"user": 2})[1]["user"]
    assert total == -4.0
    with pytest.raises(HciError, match="shares of second_task_reward sum to 1"):
        GameAEC(make_bundle("example"), ((0.5, 0.5), (0.5, 0.6)))


def _first_targets(env: Any) -> list[int]:
    seen = env.reset()
    seen = seen[0] if isinstance(seen, tuple) else seen
    return np.ravel(seen["task_state__targets"] if isinstance(seen, dict) else seen).tolist()


ENVIRONMENTS = {
    "alone": GameEnv,
    "user": lambda bundle, **seed: PointingVector(bundle, 2, **seed),
    "assistant": lambda bundle, **seed: AssistantVector(bundle, 2, **seed),
    "sb3": lambda bundle, **seed: PointingVecEnv(bundle, 2, **seed),
}


@pytest.mark.parametrize("kind", sorted(ENVIRONMENTS))
def test_a_seed_is_obeyed_wherever_it_is_given_and_none_is_a_fresh_one(kind: str) -> None:
    make = ENVIRONMENTS[kind]
    free, again = (_first_targets(make(make_bundle("pointing"))) for _ in range(2))
    assert free != again
    assert _first_targets(make(make_bundle("pointing", seed=0))) == _first_targets(
        make(make_bundle("pointing", seed=0))
    )
    # The environment's seed stands above the bundle's.
    assert _first_targets(make(make_bundle("pointing", seed=1), seed=5)) == _first_targets(
        make(make_bundle("pointing", seed=5))
    )


def test_a_fresh_seed_is_told_and_plays_again() -> None:
    env = GameEnv(make_bundle("pointing"))
    told = env.np_random_seed
    first = env.reset()[0]
    assert env.np_random_seed == told
    assert told.bit_length() > 64
    np.testing.assert_equal(GameEnv(make_bundle("pointing")).reset(seed=told)[0], first)


def test_a_command_without_a_seed_is_the_same_game_every_time() -> None:
    one, two = make_bundle("pointing"), make_bundle("pointing")
    assert not one.is_seeded
    np.testing.assert_equal(one.reset(), two.reset())


def test_an_expert_draws_anew_in_every_round_and_disturbs_nothing() -> None:
    user = {"kind": "careful", "error_rate": 0.3}
    bundle = make_bundle(
        "pointing", user=user, assistant={"kind": "gain"}, seed=1, max_rounds=10_000
    )
    wrong = []
    bundle.reset(go_to=1)
    far = {"task_state": {"targets": np.arange(8), "position": 30}, "user_state": {"goal": 0}}
    for place in range(size("expert_rounds")):
        if place % 5000 == 0:
            bundle.reset(go_to=1, forced=far)
        before = bundle.user.stream.counter  # type: ignore[union-attr] # there is one
        action, again = (bundle.user.predict()[0] for _ in range(2))  # type: ignore[union-attr] # likewise
        assert action == again
        assert bundle.user.stream.counter == before  # type: ignore[union-attr] # likewise
        wrong.append(int(action) == 1)
        bundle.step(user_action=0, go_to=1)
    share, n = float(np.mean(wrong)), len(wrong)
    assert abs(share - 0.3) < 4 * np.sqrt(0.21 / n)
    centred = np.array(wrong) - share
    assert abs((centred[1:] * centred[:-1]).mean() / centred.var()) < 4 / np.sqrt(n)


def test_a_query_shares_no_number_with_the_agent() -> None:
    own = {Stream(3).uniform() for _ in range(1)}
    asked = {Stream(query_key(0, "user", 0, step)).uniform() for step in range(50)}
    assert len(asked) == 50
    assert not own & asked


class EndsByChance(Example):
    """Ends on one half of the round with some probability."""

    def __init__(self, half: str, chance: float) -> None:
        super().__init__()
        self.half, self.chance = half, chance

    def on_user_action(self, *, user_action: Any) -> Any:
        return self.state, -1.0, self.half == "user" and self.stream.uniform() < self.chance

    def on_assistant_action(self, *, assistant_action: Any) -> Any:
        return self.state, -2.0, self.half == "assistant" and self.stream.uniform() < self.chance


def _both(task: Any) -> Bundle:
    still = discrete_array_element(low=-1, high=1, init=0)
    agents = [Agent(role, policy=ConstantPolicy(still)) for role in ("user", "assistant")]  # type: ignore[arg-type] # the two roles
    return Bundle(task, *agents, seed=0, max_rounds=50)


def test_episodes_that_are_passed_over_are_counted_and_keep_their_reward() -> None:
    env = GameEnv(_both(EndsByChance("user", 0.5)), "assistant")
    skipped, episodes = 0, 200
    for _ in range(episodes):
        info = env.reset()[1]
        assert info["skipped_return"] == -1.0 * info["skipped"]
        skipped += info["skipped"]
        assert env.step(1)[1] in {
            -3.0,
            -4.0,
        }  # the opening, the assistant's half, perhaps the user's
    assert abs(skipped / episodes - 1.0) < 4 * np.sqrt(2 / episodes)
    never = GameEnv(_both(EndsByChance("user", 1.0)), "assistant")
    with pytest.raises(
        HciError, match=f"before the assistant could act in every one of {PATIENCE}"
    ):
        never.reset()
    user = GameEnv(_both(EndsByChance("assistant", 1.0)), "user")
    assert user.reset()[1]["skipped"] == 0


class Answers(Example):
    """Answers with anything."""

    answer: Any = None

    def on_user_action(self, *, user_action: Any) -> Any:
        self.state["x"] = 1
        return self.answer


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((None, -1.0), "tuple of 2"),
        ([None, -1.0, False], "list of 3"),
        ((None, float("nan"), False), "earned nan"),
        ((None, "much", False), "earned 'much'"),
        ((None, -1.0, "yes"), "said 'yes'"),
        ((None, -1.0, np.array([True, False])), "whether the game is over"),
    ],
    ids=str,
)
def test_a_task_that_answers_nonsense_is_told_in_one_sentence(answer: Any, sentence: str) -> None:
    bundle = _both(Answers())
    bundle.task.answer = answer  # type: ignore[attr-defined] # of the class above
    bundle.reset()
    before = bundle.snapshot()
    with pytest.raises(HciError, match=sentence):
        bundle.step()
    np.testing.assert_equal(bundle.snapshot(), before)
    # `tasks check` says it before a run is made of it.
    (found,) = findings(bundle)
    assert (found.level, sentence in found.message) == ("error", True)


def test_wrong_arguments_of_a_door_are_found_at_once() -> None:
    bundle = make_bundle("pointing")
    with pytest.raises(HciError, match="did you mean 'first_task_reward'"):
        GameEnv(bundle, weights={"first_task": 2.0})
    with pytest.raises(HciError, match="a finite number"):
        GameEnv(bundle, weights={"first_task_reward": float("inf")})
    with pytest.raises(HciError, match="'first_step' or only into 'info'"):
        GameEnv(bundle, opening="later")  # type: ignore[arg-type] # what is tested
    with pytest.raises(HciError, match="SAME_STEP or NEXT_STEP"):
        PointingVector(bundle, 2, autoreset_mode="Disabled")
    vector = PointingVector(bundle, 2)
    with pytest.raises(HciError, match="no reset option 'forced'"):
        vector.reset(options={"forced": {}})
    with pytest.raises(HciError, match="at least one game is true"):
        vector.reset(options={"reset_mask": np.zeros(2, dtype=bool)})


def test_a_reset_mask_leaves_the_other_games_alone() -> None:
    one, two = (PointingVector(make_bundle("pointing", seed=4), 3) for _ in range(2))
    for vector in (one, two):
        vector.reset()
        vector.step([0, 1, 2])
    seen, info = two.reset(options={"reset_mask": np.array([False, True, False])})
    assert info["episode_index"].tolist() == [0, 1, 0]
    rest, _, _, _, _ = one.step([2, 0, 1])
    after, _, _, _, _ = two.step([2, 0, 1])
    for name, values in rest.items():
        np.testing.assert_array_equal(values[[0, 2]], after[name][[0, 2]])
    assert seen["task_state__targets"].shape == (3, 8)


@pytest.mark.parametrize("kind", [PointingVector, AssistantVector])
def test_a_vector_starts_anew_in_the_next_step_as_gymnasiums_own_does(kind: Any) -> None:
    config = {"cells": 9, "targets": 3, "max_rounds": 4}
    same, following = (
        kind(make_bundle("pointing", seed=2, **config), 3, autoreset_mode=mode)
        for mode in ("SameStep", "NextStep")
    )
    episodes = []
    for vector in (same, following):
        vector.reset()
        vector.action_space.seed(0)
        returns, waiting, told = np.zeros(3), np.zeros(3, dtype=bool), [[], [], []]
        for _ in range(60):
            _, rewards, done, cut, _ = vector.step(np.full(3, 1))
            assert not rewards[waiting].any()
            assert not (done | cut)[waiting].any()
            returns += rewards
            for row in np.flatnonzero(done | cut):
                told[row].append(returns[row])
                returns[row] = 0.0
            waiting = (done | cut) if vector is following else waiting
        episodes.append(told)
    for many, few in zip(*episodes, strict=True):
        assert len(few) > 3
        assert many[: len(few)] == few


def test_single_games_of_a_vector_answer_for_stable_baselines() -> None:
    env = PointingVecEnv(make_bundle("pointing", seed=3), 2)
    env.reset()
    for _ in range(3):
        env.step(np.array([0, 2]))
    alone = GameEnv(make_bundle("pointing", seed=4))
    alone.reset()
    for _ in range(3):
        alone.step(2)
    assert env.env_method("expert_action")[1] == alone.expert_action()
    assert env.get_attr("train") == ["user", "user"]
    assert env.get_attr("np_random_seed") == [3, 4]
    assert not env.has_attr("action_masks")
    with pytest.raises(HciError, match="step together"):
        env.env_method("step", 0)


def test_masks_are_only_where_the_task_has_a_rule() -> None:
    class Ruled(Coordinated):
        def legal(self, role: str) -> Any:
            return np.arange(10) < (5 if role == "user" else 10)

    element = discrete_array_element(10, out_of_bounds_mode="error")
    agents = [Agent(role, policy=RandomPolicy(element)) for role in ("user", "assistant")]  # type: ignore[arg-type] # the two roles
    env = GameEnv(Bundle(Ruled(), *agents))
    assert env.action_masks().sum() == 5
    turns = GameAEC(Bundle(Ruled(), *agents))
    turns.reset()
    assert turns.infos["user"]["action_mask"].sum() == 5
    assert not hasattr(GameEnv(make_bundle("coordinated")), "action_masks")


def test_copies_under_way_go_on_alike() -> None:
    env = GameEnv(make_bundle("pointing"))
    env.reset()
    env.step(0)
    twins = [env, copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    for action in (2, 2, 0):
        steps = [twin.step(action) for twin in twins]
        np.testing.assert_equal(steps[1], steps[0])
        np.testing.assert_equal(steps[2], steps[0])


@pytest.mark.parametrize("source", ["random", "numpy"])
def test_random_numbers_of_others_are_found_by_the_check(source: str) -> None:
    class Careless(Example):
        def on_user_action(self, *, user_action: Any) -> Any:
            drawn = random.random() if source == "random" else np.random.rand()
            self.state["x"] = int(drawn * 3)
            return self.state, -1.0, False

    words = [found.message for found in findings(_both(Careless()))]
    assert any(source in word and "self.stream" in word for word in words)
    assert findings(_both(Example())) == []
