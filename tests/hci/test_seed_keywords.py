"""The seed system's names take its keywords: a table of all of them, scripts in its style, and what is refused."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom_hci import compat
from taskloom_hci.compat import (
    BaseAgent,
    BaseInferenceEngine,
    BasePolicy,
    BIGDiscretePolicy,
    BIGGain,
    Bundle,
    CarefulPointer,
    ClassicControlTask,
    ConstantCDGain,
    ELLDiscretePolicy,
    ExampleAssistant,
    ExampleTask,
    ExampleUser,
    FHDT_LQRController,
    GoalInferenceWithUserPolicyGiven,
    IHCT_LQGController,
    IHDT_LQRController,
    LinearFeedback,
    RuleObservationEngine,
    SimplePointingTask,
    Space,
    State,
    TrainGym,
    array_element,
    base_user_engine_specification,
    blind_engine_specification,
    cat_element,
    discrete_array_element,
)
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.state.streams import Stream

PAGE = Path(__file__).parents[2] / "docs" / "migration" / "from-coopihc.md"
STEP = discrete_array_element(low=-1, high=1, init=0)
ONE = np.eye(2)
PUSH = np.array([[0.0], [1.0]])

# Each name of the seed system with all of its keywords that have a counterpart.
CALLS: dict[str, dict[str, Any]] = {
    "Space": {"low": -1, "high": 4, "dtype": np.int64},
    "CatSet": {"array": [0, 1, 2]},
    "discrete_array_element": {"N": 4, "init": 2, "out_of_bounds_mode": "clip"},
    "array_element": {"shape": (2,), "init": 0.0, "low": -1.0, "high": 1.0},
    "cat_element": {"N": 4, "init": 2, "out_of_bounds_mode": "error"},
    "BasePolicy": {"action_state": STEP},
    "ELLDiscretePolicy": {"action_state": STEP, "seed": 3, "compute_likelihood_args": {}},
    "BIGDiscretePolicy": {
        "assistant_action_state": STEP,
        "user_policy_model": ELLDiscretePolicy(action_state=STEP),
        "threshold": 0.9,
    },
    "LinearFeedback": {
        "action_state": array_element(shape=(1,)),
        "state_indicator": ("task_state", "x"),
        "feedback_gain": np.ones((1, 2)),
        "noise_function": lambda *_: 0.0,
        "noise_func_args": (),
    },
    "RuleObservationEngine": {
        "deterministic_specification": base_user_engine_specification,
        "extradeterministicrules": {("task_state", "x"): (lambda x, game, k: k * x, (2,))},
        "extraprobabilisticrules": {("task_state", "x"): lambda x, game: x},
        "mapping": None,
    },
    "GoalInferenceWithUserPolicyGiven": {"user_policy_model": ELLDiscretePolicy(action_state=STEP)},
    "SimplePointingTask": {"gridsize": 31, "number_of_targets": 8, "mode": "position"},
    "CarefulPointer": {"error_rate": 0.1},
    "BIGGain": {},
    "ConstantCDGain": {"gain": 2},
    "IHDT_LQRController": {"role": "user", "Q": ONE, "R": np.eye(1)},
    "FHDT_LQRController": {"N": 5, "role": "user", "Q": ONE, "R": np.eye(1)},
    "IHCT_LQGController": {
        **{"role": "user", "timestep": 0.1, "Q": ONE, "R": np.eye(1), "U": ONE, "C": ONE},
        **{"D": ONE, "F": 0 * ONE, "G": 0.1 * ONE, "H": 0 * PUSH, "noise": "on"},
    },
    "Bundle": {
        **{"task": ExampleTask(), "user": ExampleUser(), "assistant": ExampleAssistant()},
        **{"seed": 1, "reset_random": True, "reset_start_after": -1, "reset_go_to": 1},
    },
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_name_of_the_seed_takes_its_keywords_and_names_the_nearest_of_a_wrong_one(
    name: str,
) -> None:
    thing, keywords = getattr(compat, name), CALLS[name]
    thing(**keywords)
    for key in keywords:
        with pytest.raises(TypeError, match=rf"'{key}x'"):
            thing(**{key + "x": keywords[key]})


def test_the_page_lists_every_name_with_its_keywords() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)\(?([^`]*?)\)?` \|", page, flags=re.MULTILINE))
    assert set(CALLS) <= set(rows)
    for name, keywords in CALLS.items():
        told = {word.split("=")[0].strip() for word in rows[name].split(",")}
        assert set(keywords) <= told, name
    assert set(compat.__all__) <= set(rows)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: discrete_array_element(N=4, seed=1), "seed of the game"),
        (lambda: Space(N=3), "reserves it"),
        (lambda: Space(array=[1, 3]), "0, 1, ..., N - 1"),
        (lambda: Space(low=0), "'low' and 'high', or an 'array'"),
        (lambda: compat.RLPolicy(model_path="x.zip"), "unpickles"),
        (lambda: IHDT_LQRController("assistant", Q=ONE, R=ONE), "a user here"),
        (lambda: Bundle(ExampleTask(), CarefulPointer()), "plays SimplePointingTask"),
        (lambda: Bundle(ExampleTask(), IHDT_LQRController("user", ONE, ONE)), "ClassicControlTask"),
        (lambda: LinearFeedback(STEP, ("x",)), "part and an entry"),  # type: ignore[arg-type] # wrong
        (lambda: TrainGym(Bundle(ExampleTask(), ExampleUser())), "one of 'train_user'"),
        (lambda: TrainGym(Bundle(ExampleTask()), reset_dic={}), "options="),  # type: ignore[call-arg] # wrong
        (lambda: ELLDiscretePolicy(action_state=STEP).sample({}), "attach_likelihood_function"),
        (lambda: BIGDiscretePolicy(STEP, None).sample({}, {"beliefs": [0.5]}), "transition"),  # type: ignore[arg-type] # wrong
        (lambda: GoalInferenceWithUserPolicyGiven().infer({}), "attach_policy"),
    ],
)
def test_what_has_no_counterpart_is_one_sentence(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(HciError, match=re.escape(sentence)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_script_of_the_bundle_in_the_seeds_style_runs() -> None:
    step = State()
    step["action"] = discrete_array_element(low=-1, high=1, init=0)
    bundle = Bundle(
        task=ExampleTask(),
        user=BaseAgent("user", agent_policy=BasePolicy, policy_kwargs={"action_state": step}),
        assistant=BaseAgent("assistant", override_policy=(BasePolicy, {"action_state": step})),
    )
    bundle.reset(go_to=1)
    _, rewards, is_done = bundle.step(user_action=1, assistant_action=0)
    assert (len(rewards), is_done, bundle.round_number, bundle.turn_number) == (8, False, 1, 1)
    assert bundle.user is not None
    assert bundle.user.policy.default_value == 0  # type: ignore[attr-defined] # a policy of the seed
    while not is_done:
        _, _, is_done = bundle.step(user_action=1, assistant_action=None)
    for task in (ExampleTask(), ExampleTask()):
        alone = Bundle(task=task, user=ExampleUser())
        alone.reset(go_to="before_user_action")
        while not alone.step(user_action=None).is_done:
            pass
        assert alone.round_number == 3  # the round of the end is not counted
    assert alone.quarter_step is not None
    assert Bundle(ExampleTask(), ExampleUser(), seed=0).sample(n_turns=3) == -4.0


def test_a_random_reset_draws_every_entry_that_is_not_given() -> None:
    bundle = Bundle(ExampleTask(), ExampleUser(), seed=2)
    starts = [
        int(bundle.reset(random_reset=True, dic={"user_state": {"goal": 1}})["task_state"]["x"])
        for _ in range(30)
    ]
    assert len(set(starts)) > 2
    assert bundle.game_state["user_state"]["goal"] == 1
    assert bundle.reset()["task_state"]["x"] == 0


def test_the_flagship_of_the_seed_runs_and_its_parts_agree_with_it() -> None:
    """A careful pointer and information gain, ready-made, and written out as the seed does."""
    task = SimplePointingTask(gridsize=10, number_of_targets=4, mode="position")
    ready = Bundle(task=task, user=CarefulPointer(error_rate=0.05), assistant=BIGGain(), seed=4)
    assert -4.0 < ready.sample(60) < -2.0

    def likelihood(self: Any, action: Any, observation: Any, error_rate: float = 0.0) -> float:
        del self
        goal, position = observation["user_state"]["goal"], observation["task_state"]["position"]
        if action == 0 or goal == position:
            return float((action == 0) == (goal == position))
        return 1.0 - error_rate if (action > 0) == (goal > position) else error_rate

    model = ELLDiscretePolicy(action_state=STEP, compute_likelihood_args={"error_rate": 0.05})
    model.attach_likelihood_function(likelihood)
    theta = [{("user_state", "goal"): cell} for cell in (1, 3, 6, 8)]
    asking = BIGDiscretePolicy(discrete_array_element(N=10), model)
    asking.attach_set_theta(theta)

    def moved(action: Any, observation: Any) -> Any:
        observation["task_state"]["position"] = action
        return observation

    asking.attach_transition_function(moved)
    seen: dict[str, Any] = {"task_state": {"position": 0}, "user_action": {"action": 1}}
    # The published table: cells 3 and 6 tell most, 1.297 bits, and the tie goes to the highest.
    assert asking.sample(seen, {"beliefs": np.full(4, 0.25)})[0] == 6
    assert asking.sample(seen, {"beliefs": np.array([0.05, 0.9, 0.03, 0.02])})[0] == 3
    thinking = GoalInferenceWithUserPolicyGiven(user_policy_model=model)
    thinking.attach_set_theta(theta)
    host = BaseAgent(
        "assistant", agent_state=State(beliefs=array_element(init=np.full(4, 0.25), low=0.0))
    )
    thinking.host = host
    state, _ = thinking.infer({**seen, "task_state": {"position": 5}})
    np.testing.assert_allclose(state["beliefs"], [0.025, 0.025, 0.475, 0.475])
    with pytest.warns(UserWarning, match="starts again"):
        state, _ = thinking.infer({**seen, "user_action": {"action": 0}})
    assert state["beliefs"].tolist() == [0.25] * 4


def test_a_game_of_the_seed_goes_through_the_doors_whatever_a_learner_does() -> None:
    pytest.importorskip("pettingzoo")
    from taskloom_hci.exports.zoo import GameParallel

    for train in ("user", "assistant"):
        game = Bundle(
            SimplePointingTask(gridsize=9, number_of_targets=3, mode="position"),
            CarefulPointer(),
            BIGGain(),
            seed=1,
        )
        env = GameEnv(game, train)  # type: ignore[arg-type] # one of the two
        env.action_space.seed(0)
        env.reset()
        for _ in range(40):
            *_, done, cut, _ = env.step(env.action_space.sample())
            if done or cut:
                env.reset()
        both = GameParallel(game)
        both.reset(seed=0)
        while both.agents:
            both.step({agent: both.action_space(agent).sample() for agent in both.agents})


def test_an_engine_of_the_seeds_specification_sees_what_it_says() -> None:
    game = compat.example_game_state().snapshot()
    seen, _ = RuleObservationEngine(
        deterministic_specification=base_user_engine_specification,
        extradeterministicrules={("task_state", "position"): (lambda x, _, k: k * x, (3,))},
    ).observe(game, Stream(0))
    assert "assistant_state" not in seen
    assert seen["task_state"]["position"] == 6
    blind, _ = RuleObservationEngine(blind_engine_specification).observe(game, Stream(0))
    assert set(blind) == {"game_info", "user_action", "assistant_action"}
    part, _ = RuleObservationEngine(
        mapping=[("task_state", "targets", 1, lambda x, _, k: x + k, (5,), None, None)]
    ).observe(game, Stream(0))
    assert part["task_state"]["targets"] == 6


def test_the_controllers_of_the_seed_bring_a_system_to_rest() -> None:
    A = np.array([[0.0, 1.0], [0.0, -1.0]])
    for user in (
        IHDT_LQRController("user", Q=ONE, R=0.1 * np.eye(1)),
        FHDT_LQRController(N=40, role="user", Q=ONE, R=0.1 * np.eye(1)),
        IHCT_LQGController(
            "user", 0.1, Q=ONE, R=0.1 * np.eye(1), U=ONE, C=ONE, D=0.01 * ONE, G=0.01 * ONE
        ),
    ):
        task = ClassicControlTask(0.1, A, PUSH, discrete_dynamics=False, noise="off")
        bundle = Bundle(task=task, user=user)
        bundle.reset()
        for _ in range(60):
            if bundle.over or bundle.step().is_done:
                break
        assert np.abs(bundle.game_state["task_state"]["x"]).max() < 0.2
    with pytest.raises(BundleConstraintError, match="time step"):
        Bundle(
            ClassicControlTask(0.2, A, PUSH),
            IHCT_LQGController("user", 0.1, Q=ONE, R=np.eye(1), U=ONE, C=ONE, D=ONE),
        )


def test_a_learner_of_the_seed_is_a_door() -> None:
    bundle = Bundle(
        SimplePointingTask(gridsize=9, number_of_targets=3), CarefulPointer(), ConstantCDGain(1)
    )
    env = TrainGym(bundle, train_user=True)
    seen, _ = env.reset(seed=0)
    assert env.step(1)[1] == -1.0
    assert "user_state__goal" in seen
    assert cat_element(N=3).space.n == 3  # type: ignore[union-attr] # a category
    assert isinstance(BaseInferenceEngine(), BaseInferenceEngine)
