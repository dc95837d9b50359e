"""A user who learns items and forgets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from typing_extensions import override

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.games.teaching import NOTHING, Teaching
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.models.memory import Memory
from taskloom_hci.models.model import choose, probabilities
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Value, array_element, discrete_array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream


class Practice(InferenceEngine):
    """Looks at the item shown: notes how well it was known, and remembers it better from now on."""

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        item, now = int(observation["task_state"]["item"]), float(observation["task_state"]["time"])
        if item == NOTHING:
            return {"item_seen": 0, "item_ago": 0.0}, 0.0
        seen, last = state["seen"].copy(), state["last"].copy()
        known = {
            "item_seen": int(seen[item]),
            "item_ago": now - float(last[item]) if seen[item] else 0.0,
        }
        seen[item] += 1
        last[item] = now
        return {**known, "seen": seen, "last": last}, 0.0


class Answer(Policy):
    """Answers right as often as the item is recalled."""

    def __init__(self, task: Teaching, model: Memory) -> None:
        self.element, self.model = task.user_element(), model

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del observation
        p = probabilities(self.model, {}, {"seen": state["item_seen"], "ago": state["item_ago"]})
        return choose(p, stream.uniform()), 0.0


class MemoryUser(Agent):
    """Forgets exponentially, and more slowly what it saw more often.

    Args:
        task: The task it will play.
        model: How it forgets.
    """

    def __init__(self, task: Teaching, model: Memory) -> None:
        n = task.num_items
        state = State(
            seen=discrete_array_element(low=np.zeros(n, dtype=np.int64)),
            last=array_element((n,), np.zeros(n), low=0.0),
            item_seen=discrete_array_element(low=0),
            item_ago=array_element((), 0.0, low=0.0),
        )
        super().__init__(
            "user",
            policy=Answer(task, model),
            state=state,
            inference=Practice(),
            parameters={"forgetting": model.forgetting, "repetition": model.repetition},
        )
