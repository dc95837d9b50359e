"""The four turns, against the tables that the seed system was measured with."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import (
    BundleConstraintError,
    GameOverError,
    HciError,
    NotContainedError,
    ShapeError,
    UnknownKeyError,
)
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.policies.policy import ConstantPolicy, RandomPolicy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.task import InteractionTask


def steady(role: Any, action: int) -> Agent:
    return Agent(role, policy=ConstantPolicy(discrete_array_element(low=-1, high=1, init=action)))


def test_reset_plays_the_turns_of_the_table(cases: Any, make_example: Any) -> None:
    for case in cases("bundle_turns")["reset"]:
        bundle = make_example()
        game = bundle.reset(**case["kw"])
        assert bundle.turn == case["turn"], case
        assert bundle.round_index == case["round"]
        assert (bundle.user.observation is not None) == case["user_observed"]
        assert (bundle.assistant.observation is not None) == case["assistant_observed"]
        if case["x"] is not None:
            assert game["task_state"]["x"] == case["x"]


def test_step_plays_the_turns_of_the_table(cases: Any) -> None:
    for case in cases("bundle_turns")["step"]:
        bundle = Bundle(Example(), steady("user", 0), steady("assistant", 0))
        bundle.reset(go_to=case["start"], start_after=case["start"])
        _, rewards, is_done = bundle.step(go_to=case["go_to"])
        assert (bundle.turn, bundle.round_index) == (case["turn"], case["round"]), case
        assert rewards == case["rewards"]
        assert is_done == case["done"]


def test_a_game_that_ends_stays_at_its_turn(cases: Any) -> None:
    table = cases("bundle_turns")["misc"]
    for name, x, user, assistant in (
        ("done_on_user_action", 3, 1, 0),
        ("done_on_assistant_action", 3, 0, 1),
    ):
        bundle = Bundle(Example(), steady("user", user), steady("assistant", assistant))
        bundle.reset(forced={"task_state": {"x": x}})
        _, rewards, is_done = bundle.step()
        expected = table[name]
        assert (bundle.turn, bundle.round_index, is_done) == (
            expected["turn"],
            expected["round"],
            True,
        )
        assert rewards == expected["rewards"]


def test_a_missing_assistant_passes_its_turns(cases: Any) -> None:
    table = cases("bundle_turns")["misc"]
    alone = Bundle(Example(), steady("user", 0), reset_turn=1)
    both = Bundle(Example(), steady("user", 0), steady("assistant", 0), reset_turn=1)
    assert alone.name == table["no_assistant"]["name"]
    for bundle, sequence in ((alone, table["no_assistant"]["seq"]), (both, table["readme_full"])):
        bundle.reset()
        for x, turn, round_index, reward in sequence:
            result = bundle.step(user_action=1)
            assert result.state["task_state"]["x"] == x
            assert (bundle.turn, bundle.round_index, result.reward) == (turn, round_index, reward)


def test_names_say_who_is_missing() -> None:
    assert Bundle(Example()).name == "no-user--no-assistant"
    assert Bundle(Example(), assistant=steady("assistant", 0)).name == "no-user"
    assert Bundle(Example(), steady("user", 0), steady("assistant", 0)).name == "Example"


def test_turns_go_by_name(make_example: Any) -> None:
    bundle = make_example()
    bundle.reset("before_user_action")
    assert bundle.turn == 1
    bundle.step(go_to="before_assistant_action")
    assert bundle.turn == 3
    with pytest.raises(UnknownKeyError, match="after_user_action"):
        bundle.step(go_to="later")
    with pytest.raises(UnknownKeyError, match="no turn 4"):
        bundle.step(go_to=4)
    with pytest.raises(HciError, match="cannot start after turn 2"):
        bundle.reset(go_to=1, start_after=2)


def test_a_step_after_the_end_is_refused() -> None:
    bundle = Bundle(Example(), steady("user", 1), steady("assistant", 1))
    bundle.reset(forced={"task_state": {"x": 3}})
    assert bundle.step().is_done
    with pytest.raises(GameOverError, match="reset it"):
        bundle.step()
    bundle.reset()
    assert not bundle.step().is_done


def test_a_time_limit_truncates_and_does_not_end() -> None:
    bundle = Bundle(Coordinated(), steady("user", 0), steady("assistant", 1))
    bundle.reset()
    results = [bundle.step() for _ in range(100)]
    assert not any(result.is_done for result in results)
    assert [result.truncated for result in results] == [False] * 99 + [True]
    with pytest.raises(GameOverError, match="limit of 100 rounds"):
        bundle.step()


def test_coordination_is_noticed_on_the_users_half() -> None:
    bundle = Bundle(Coordinated(), steady("user", 1), steady("assistant", 1))
    bundle.reset()
    rounds = 0
    while not bundle.over:
        bundle.step()
        rounds += 1
    assert (rounds, bundle.turn, bundle.is_done) == (10, 1, True)


def test_observations_are_snapshots(make_example: Any) -> None:
    # B6: the seed system hands out one mutable state, so that every recorded step shows the last one.
    bundle = Bundle(Example(), steady("user", 1), steady("assistant", 0))
    states = [bundle.reset()]
    while not bundle.over:
        states.append(bundle.step().state)
    assert [int(state["task_state"]["x"]) for state in states] == [0, 1, 2, 3, 4]
    assert bundle.user.observation["task_state"]["x"] == 3


def test_reset_keeps_what_it_earned() -> None:
    # B20: a reset that plays the user's turn throws its reward and its end away.
    bundle = Bundle(Example(), steady("user", 1), steady("assistant", 0))
    bundle.reset(go_to=2)
    assert bundle.opening is not None
    assert bundle.opening.rewards["first_task_reward"] == -1
    bundle.reset(go_to=2, forced={"task_state": {"x": 3}})
    assert bundle.opening.is_done
    with pytest.raises(GameOverError):
        bundle.step()


def test_an_observation_given_to_one_agent_stays_there(make_example: Any) -> None:
    # B19: the assistant's observation went into the user's memory.
    bundle = make_example()
    bundle.reset(forced={"assistant_observation": {"seen": 1}})
    assert bundle.assistant.observation == {"seen": 1}
    assert bundle.user.observation is None


def test_equal_seeds_play_equal_games_and_others_do_not(make_example: Any) -> None:
    # B7: a bundle with a seed still drew from NumPy's global state.
    def trace(seed: int) -> list[int]:
        bundle = make_example(seed=seed)
        out = []
        for _ in range(5):
            bundle.reset()
            while not bundle.over and bundle.round_index < 20:
                out.append(int(bundle.step().state["task_state"]["x"]))
        return out

    np.random.seed(1)
    first = trace(3)
    np.random.seed(2)
    assert trace(3) == first
    assert trace(4) != first


def test_an_episode_does_not_depend_on_those_before_it(make_example: Any) -> None:
    bundle = make_example(seed=5)
    for _ in range(4):
        bundle.reset()
    last = [int(bundle.step().state["task_state"]["x"]) for _ in range(3)]
    other = make_example(seed=5)
    other.reset(episode=3)
    assert [int(other.step().state["task_state"]["x"]) for _ in range(3)] == last


def test_a_query_leaves_the_game_alone(make_pointing: Any) -> None:
    # B2: asking the information-gain assistant changed the observation it had stored.
    bundle = make_pointing()
    bundle.reset(go_to=3)
    before, seen = bundle.snapshot(), copy.deepcopy(bundle.assistant.observation)
    first = bundle.assistant.take_action(affect=False)
    bundle.assistant.explain()
    bundle.user.observe(affect=False)
    bundle.user.infer(affect=False)
    assert bundle.user.take_action(affect=False) == bundle.user.take_action(affect=False)
    np.testing.assert_equal(bundle.snapshot(), before)
    np.testing.assert_equal(bundle.assistant.observation, seen)
    assert bundle.assistant.take_action(affect=False) == first


def test_bundles_can_be_pickled_and_go_on_alike(make_pointing: Any) -> None:
    # B15: a bundle with an information-gain assistant could not be pickled.
    bundle = make_pointing(seed=2)
    bundle.reset()
    bundle.step()
    twin = pickle.loads(pickle.dumps(bundle))  # our own bytes, made one line above
    while not bundle.over:
        np.testing.assert_equal(twin.step(), bundle.step())


def test_an_engine_set_later_is_used(make_example: Any) -> None:
    # B4: setting an agent's observation engine did nothing.
    from taskloom_hci.observation.engine import BLIND, RuleObservation

    bundle = make_example()
    bundle.user.observation_engine = RuleObservation(BLIND)
    bundle.reset(go_to=1)
    assert set(bundle.user.observation) == {"game_info", "user_action", "assistant_action"}


def test_an_unknown_keyword_is_refused() -> None:
    # B5: a misspelt keyword was ignored.
    with pytest.raises(TypeError, match="override_agent_policy"):
        Agent("user", override_agent_policy=RandomPolicy())  # type: ignore[call-arg]


def test_playing_prints_nothing(make_pointing: Any, capsys: Any) -> None:
    # B13: policies and the example task printed on every call.
    bundle = make_pointing()
    bundle.reset()
    bundle.step()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_task_without_reset_draws_every_element() -> None:
    class Bare(InteractionTask):
        def __init__(self) -> None:
            super().__init__()
            self.state["x"] = discrete_array_element(1000, init=0)

        def on_user_action(self, *, user_action: Any) -> None:
            return None

        def on_assistant_action(self, *, assistant_action: Any) -> None:
            return None

    bundle = Bundle(Bare(), steady("user", 0), steady("assistant", 0))
    values = {int(bundle.reset()["task_state"]["x"]) for _ in range(20)}
    assert len(values) > 10
    state, rewards, is_done = bundle.step()
    assert (sum(rewards.values()), is_done) == (0.0, False)
    assert set(state) == {
        "game_info",
        "task_state",
        "user_state",
        "assistant_state",
        "user_action",
        "assistant_action",
    }


def test_constraints_list_every_problem_at_once() -> None:
    class Picky(Example):
        def on_bundle_constraints(self) -> list[str]:
            return ["The moon is not full.", "It is Tuesday."]

    class Fussy(Agent):
        def on_bundle_constraints(self) -> list[str]:
            raise BundleConstraintError(["No coffee."])

    with pytest.raises(BundleConstraintError) as caught:
        Bundle(Picky(), Fussy("user"))
    assert caught.value.problems == ("The moon is not full.", "It is Tuesday.", "No coffee.")


def test_a_task_that_forgot_its_constructor_is_named() -> None:
    # B22: the fall-through of attributes overflowed the stack.
    class Forgetful(Example):
        def __init__(self) -> None:
            pass

    with pytest.raises(BundleConstraintError, match="super"):
        Bundle(Forgetful())


def test_bad_actions_change_nothing(make_pointing: Any) -> None:
    bundle = make_pointing()
    bundle.reset()
    before = bundle.snapshot()
    with pytest.raises(NotContainedError, match="outside the space"):
        bundle.step(user_action=5)
    with pytest.raises(NotContainedError, match="outside the space"):
        bundle.step(assistant_action=31)
    with pytest.raises(ShapeError):
        bundle.step(assistant_action=[1, 2])
    np.testing.assert_equal(bundle.snapshot(), before)


def test_an_error_in_the_middle_of_a_step_undoes_the_step() -> None:
    class Broken(Example):
        def on_assistant_action(self, *, assistant_action: Any) -> Any:
            raise HciError("The task broke.")

    bundle = Bundle(Broken(), steady("user", 1), steady("assistant", 1))
    bundle.reset()
    before = bundle.snapshot()
    with pytest.raises(HciError, match="broke"):
        bundle.step()
    np.testing.assert_equal(bundle.snapshot(), before)


def test_bad_reset_values_change_nothing(make_pointing: Any) -> None:
    bundle = make_pointing()
    bundle.reset()
    before = bundle.snapshot()
    for forced, error in (
        ({"task_state": {"positon": 1}}, "did you mean 'position'"),
        ({"task_state": {"targets": [1, 2]}}, "shape"),
        ({"tsk_state": {}}, "no part"),
        ({"user_action": {"action": 7}}, "outside"),
    ):
        with pytest.raises(HciError, match=error):
            bundle.reset(forced=forced)
        np.testing.assert_equal(bundle.snapshot(), before)
    lonely = Bundle(Example(), steady("user", 0))
    with pytest.raises(UnknownKeyError, match="no assistant"):
        lonely.reset(forced={"assistant_state": {"beliefs": 1}})


def test_forced_values_start_the_game(make_pointing: Any) -> None:
    bundle = make_pointing()
    game = bundle.reset(
        forced={"task_state": {"position": 4, "targets": np.arange(8)}, "user_state": {"goal": 2}}
    )
    assert game["task_state"]["position"] == 4
    assert game["user_state"]["goal"] == 2
    np.testing.assert_array_equal(game["task_state"]["targets"], np.arange(8))


def test_the_game_shows_itself_as_text(make_pointing: Any) -> None:
    bundle = make_pointing(shape=(3, 4), targets=3)
    bundle.reset()
    text = bundle.render()
    assert "round 0, turn 0" in text
    assert text.count("x") >= 3
