"""A task written for the seed system runs nearly unchanged."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import taskloom_hci
from taskloom_hci import compat
from taskloom_hci.compat import (
    BaseAgent,
    BaseInferenceEngine,
    BaseObservationEngine,
    BasePolicy,
    Bundle,
    ClassicControlTask,
    InteractionTask,
    LinearFeedback,
    PipeTaskWrapper,
    State,
    array_element,
    discrete_array_element,
    example_game_state,
)
from taskloom_hci.domain import DOMAIN
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.observation.engine import ORACLE, RuleObservation
from taskloom_hci.state.streams import Stream


class ExampleTask(InteractionTask):
    """The example of the seed's documentation, with its signatures."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state["x"] = discrete_array_element(low=-1, high=4, init=0, out_of_bounds_mode="clip")

    def reset(self, dic: Any = None) -> None:
        self.state["x"] = 0

    def on_user_action(self, *args: Any, user_action: Any = None, **kwargs: Any) -> Any:
        is_done = False
        self.state["x"] += self.user_action
        if self.state["x"] == 4:
            is_done = True
        reward = -1
        return self.state, reward, is_done

    def on_assistant_action(self, *args: Any, assistant_action: Any = None, **kwargs: Any) -> Any:
        is_done = False
        self.state["x"] += self.assistant_action
        if self.state["x"] == 4:
            is_done = True
        reward = -1
        return self.state, reward, is_done


def actions() -> State:
    state = State()
    state["action"] = discrete_array_element(low=-1, high=1, init=0)
    return state


def agent(role: Any, **more: Any) -> Any:
    return BaseAgent(role, agent_policy=BasePolicy(action_state=actions()), **more)


def test_the_seeds_example_runs() -> None:
    bundle = Bundle(
        task=ExampleTask(), user=agent("user"), assistant=agent("assistant"), reset_go_to=1
    )
    bundle.reset()
    values = []
    while True:
        state, rewards, is_done = bundle.step(user_action=1, assistant_action=None)
        values.append(int(state["task_state"]["x"]))
        assert sum(rewards.values()) in {-1.0, -2.0}
        if is_done:
            break
    assert values[-1] == 4
    assert max(values) == 4


def test_the_elements_mode_is_honoured_in_place() -> None:
    bundle = Bundle(task=ExampleTask(), user=agent("user"), assistant=agent("assistant"))
    bundle.reset(dic={"task_state": {"x": -1}})
    assert bundle.game_state["task_state"]["x"] == -1
    assert bundle.step(user_action=-1, go_to=2).state["task_state"]["x"] == -1


class Columns(ExampleTask):
    """Counts what happened, in an array that is changed in place, as the seed's tasks do."""

    def __init__(self, mode: Any = "clip") -> None:
        super().__init__()
        self.state["counts"] = array_element((2,), low=0.0, high=2.0, out_of_bounds_mode=mode)
        self.told: list[str] = []

    def reset(self, dic: Any = None) -> None:
        super().reset(dic)
        self.state["counts"][:] = 0

    def finit(self) -> None:
        self.parameters["start"] = int(self.bundle.user.policy.element.space.low)

    def on_bundle_constraints(self) -> None:
        if self.bundle.assistant is None:
            raise BundleConstraintError(["Counting needs an assistant."])

    def on_user_action(self, *args: Any, user_action: Any = None, **kwargs: Any) -> Any:
        self.state["counts"][0] += 1
        return super().on_user_action(user_action=user_action)

    def on_assistant_action(self, *args: Any, assistant_action: Any = None, **kwargs: Any) -> Any:
        self.state["counts"][1] += 1
        return super().on_assistant_action(assistant_action=assistant_action)

    def render(
        self,
        *args: Any,
        mode: str = "text",
        ax_user: Any = None,
        ax_assistant: Any = None,
        ax_task: Any = None,
    ) -> None:
        self.told.append(f"{mode}: {self.state['x']} {ax_task}")


def test_arrays_of_a_task_change_in_place() -> None:
    bundle = Bundle(task=Columns(), user=agent("user"), assistant=agent("assistant"))
    seen = [bundle.reset()]
    for _ in range(3):
        seen.append(bundle.step(0, 0).state)
    counts = [state["task_state"]["counts"].tolist() for state in seen]
    assert counts == [[0, 0], [1, 1], [2, 2], [2, 2]]  # clipped, and no snapshot is an alias
    strict = Bundle(task=Columns("error"), user=agent("user"), assistant=agent("assistant"))
    strict.reset()
    strict.step(0, 0)
    before = strict.step(0, 0).state
    with pytest.raises(HciError, match="outside"):
        strict.step(0, 0)
    np.testing.assert_equal(strict.snapshot(), before)


def test_the_hooks_of_a_seed_task_are_called() -> None:
    bundle = Bundle(task=Columns(), user=agent("user"), assistant=agent("assistant"))
    assert bundle.task.parameters["start"] == -1
    bundle.reset()
    assert bundle.render("text", ax_task="here").startswith("round 0")
    assert bundle.task.told == ["text: 0 here"]
    with pytest.raises(BundleConstraintError, match="needs an assistant"):
        Bundle(task=Columns(), user=agent("user"))


class Up(BasePolicy):
    """Does what it was told to, and leaves the last word to its state."""

    def __init__(self, step: int = 1, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.step = step

    def sample(self, agent_observation: Any = None, agent_state: Any = None) -> Any:
        return self.step + agent_state["bonus"], -0.5


class Loud(BaseObservationEngine):
    """Sees everything, and is charged for it."""

    def observe(self, game_state: Any = None) -> Any:
        return game_state, -0.25


class Learning(BaseInferenceEngine):
    """Counts in its host's state, in place."""

    def infer(self, agent_observation: Any = None) -> Any:
        self.host.state["bonus"] += agent_observation["task_state"]["x"] >= 1
        return self.host.state, -0.125


def test_agents_of_the_seed_keep_their_signatures() -> None:
    # B5: what overrides a part is used, and a keyword that does not exist is refused.
    state = State()
    state["bonus"] = discrete_array_element(low=0, high=9, init=0)
    user = BaseAgent(
        "user",
        agent_state=state,
        agent_policy=BasePolicy,
        policy_kwargs={"action_state": actions()},
        agent_observation_engine=Loud,
        agent_inference_engine=Learning(),
        override_policy=(Up, {"step": 1, "action_state": discrete_array_element(9)}),
    )
    bundle = Bundle(task=ExampleTask(), user=user, assistant=agent("assistant"))
    bundle.reset()
    user.infer(user.observe(affect=False)[0], affect=False)
    assert user.state["bonus"] == 0
    first, second = bundle.step(None, 0), bundle.step(None, 0)
    assert [r["user_policy_reward"] for r in (first.rewards, second.rewards)] == [-0.5, -0.5]
    assert first.rewards["user_observation_reward"] == -0.25
    assert second.rewards["user_inference_reward"] == -0.125
    assert (first.state["task_state"]["x"], second.state["task_state"]["x"]) == (1, 3)
    assert second.state["user_state"]["bonus"] == 1
    with pytest.raises(TypeError, match="override_agent_policy"):
        BaseAgent("user", override_agent_policy=(Up, {}))  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        BasePolicy(actions())  # type: ignore[misc]
    with pytest.raises(HciError, match="pair"):
        BaseAgent("user", override_policy=Up)


def test_classic_control_takes_the_seeds_keywords() -> None:
    A, B = np.array([[0.0, 1.0], [0.0, -1.0]]), np.array([[0.0], [1.0]])

    def user() -> Any:
        gain = np.array([[1.0, 1.0]])
        return BaseAgent(
            "user", agent_policy=LinearFeedback(array_element((1,)), feedback_gain=gain)
        )

    ends = []
    for task in (
        ClassicControlTask(0.1, A, B, discrete_dynamics=False, noise="off"),
        ClassicControlTask(0.1, np.eye(2) + 0.1 * A, 0.1 * B, noise="off", timespace="continuous"),
        ClassicControl(A, B, timestep=0.1, noise=False),
    ):
        bundle = Bundle(task=task, user=user())
        bundle.reset()
        for _ in range(5):
            last = bundle.step().state["task_state"]["x"]
        ends.append(last)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-14)
    np.testing.assert_array_equal(ends[0], ends[2])
    with pytest.raises(HciError, match="'noise' is 'on' or 'off'"):
        ClassicControlTask(0.1, A, B, noise="loud")  # type: ignore[arg-type]


class Remote(PipeTaskWrapper):
    """The example, with its number at the other end of a pipe."""

    def update_task_state(self, state: dict[str, Any]) -> None:
        self.state["x"] = state["x"]

    def update_user_state(self, state: dict[str, Any]) -> None:
        self.bundle.user.state["name"] = state["name"]


def serve(end: Any, heard: list[str]) -> None:
    """Keep the number of the example, as a browser would."""
    x = 0
    while True:
        message = json.loads(end.recv_bytes())
        heard.append(message["type"])
        if message["type"] == "done":
            return
        if message["type"] == "init":
            end.send_bytes(json.dumps({"type": "user_state", "name": 7}).encode())
        if message["type"] in {"init", "reset"}:
            x = (message.get("reset_dic") or {}).get("x", 0)
            answer: dict[str, Any] = {"type": "task_state", "x": x}
        else:
            x = min(max(x + message["value"]["values"], -1), 4)
            state = {"type": "task_state", "x": x}
            answer = {"state": state, "reward": -1, "is_done": x == 4}
        end.send_bytes(json.dumps(answer).encode())


def test_a_task_at_the_other_end_of_a_pipe_plays() -> None:
    here, there = multiprocessing.Pipe()
    heard: list[str] = []
    thread = threading.Thread(target=serve, args=(there, heard), daemon=True)
    thread.start()
    state = State()
    state["name"] = discrete_array_element(low=0, high=9, init=0)
    user = agent("user", agent_state=state)
    bundle = Bundle(task=Remote(ExampleTask(), here), user=user, assistant=agent("assistant"))
    assert user.state["name"] == 7
    bundle.reset(dic={"task_state": {"x": 1}})
    result = bundle.step(user_action=1, assistant_action=0)
    assert (result.state["task_state"]["x"], result.reward) == (2, -2.0)
    assert bundle.step(1, 1).is_done
    bundle.close()
    thread.join(300)
    assert heard == ["init", "reset", *["user_action", "assistant_action"] * 2, "done"]
    there.close()
    with pytest.raises(HciError, match="closed"):
        bundle.reset()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [(b"no", "no JSON"), (b"[]", "JSON object"), (b'{"type": "x"}', "task_state was expected")],
)
def test_a_pipe_that_talks_nonsense_is_one_sentence(answer: bytes, complaint: str) -> None:
    here, there = multiprocessing.Pipe()
    there.send_bytes(answer)
    with pytest.raises(HciError, match=complaint):
        Bundle(task=Remote(ExampleTask(), here), user=agent("user"))


def test_the_example_game_state_is_the_seeds() -> None:
    game = example_game_state()
    values = game.snapshot()
    assert (values["task_state"]["position"], values["assistant_action"]["action"]) == (2, 2)
    assert values["task_state"]["targets"].tolist() == [0, 1]
    assert values["assistant_state"]["beliefs"].tolist() == [1 / 8] * 8
    game["task_state"]["position"] = 7
    assert game["task_state"]["position"] == 3
    seen, _ = RuleObservation(ORACLE).observe(values, Stream(0))
    assert set(seen) == set(values)


def test_every_name_of_the_compatibility_module_exists() -> None:
    assert all(hasattr(compat, name) for name in compat.__all__)
    assert {
        "InteractionTask",
        "Bundle",
        "BaseAgent",
        "ClassicControlTask",
        "PipeTaskWrapper",
    } <= set(compat.__all__)


def test_every_listed_name_is_found_and_no_other() -> None:
    assert sorted(taskloom_hci.__all__) == sorted(taskloom_hci._HOME_OF) == dir(taskloom_hci)
    assert all(getattr(taskloom_hci, name) is not None for name in taskloom_hci.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Bundel'"):
        _ = taskloom_hci.Bundel


def test_components_and_names_of_the_seed_are_public() -> None:
    targets = [ref.target for refs in DOMAIN.components.values() for ref in refs]
    assert {target.partition(":")[2] for target in targets} <= set(taskloom_hci.__all__)
    for name in ("InteractionTask", "ExampleTask", "ClassicControlTask", "PipeTaskWrapper"):
        assert getattr(taskloom_hci, name) is getattr(compat, name)


def test_the_package_imports_nothing_heavy() -> None:
    code = "import sys, taskloom_hci; print({'numpy', 'gymnasium', 'pydantic'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
