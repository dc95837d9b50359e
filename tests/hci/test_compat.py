"""A task written for the seed system runs nearly unchanged."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

from typing import Any

import numpy as np
import taskloom_hci
from taskloom_hci import compat
from taskloom_hci.compat import (
    BaseAgent,
    Bundle,
    InteractionTask,
    RandomPolicy,
    discrete_array_element,
)


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


def agent(role: Any) -> Any:
    return BaseAgent(role, policy=RandomPolicy(discrete_array_element(low=-1, high=1, init=0)))


def test_the_seeds_example_runs() -> None:
    bundle = Bundle(
        task=ExampleTask(), user=agent("user"), assistant=agent("assistant"), reset_turn=1
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
    bundle.reset(forced={"task_state": {"x": -1}})
    assert bundle.step(user_action=-1, go_to=2).state["task_state"]["x"] == -1


def test_every_name_of_the_compatibility_module_exists() -> None:
    assert all(hasattr(compat, name) for name in compat.__all__)
    assert {
        "InteractionTask",
        "Bundle",
        "BaseAgent",
        "ClassicControlTask",
        "PipeTaskWrapper",
    } <= set(compat.__all__)


def test_the_public_names_are_those_listed() -> None:
    assert all(getattr(taskloom_hci, name) is not None for name in taskloom_hci.__all__)
    assert np.array_equal(sorted(taskloom_hci.__all__), taskloom_hci.__all__)
