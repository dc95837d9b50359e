"""Practice and recall of items, for the user who forgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from typing_extensions import override

from taskloom_hci.games.teaching import NOTHING
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.models.memory import MemoryModel
from taskloom_hci.models.model import choose, probabilities
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value, array_element, discrete_array_element
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
        # Copies, because the arrays of a snapshot are read-only.
        seen, last = state["seen"].copy(), state["last"].copy()
        # The answer is about the item as it was known before this presentation, so that is noted first.
        known = {
            "item_seen": int(seen[item]),
            "item_ago": now - float(last[item]) if seen[item] else 0.0,
        }
        seen[item] += 1
        last[item] = now
        return {**known, "seen": seen, "last": last}, 0.0


class Answer(Policy):
    """Answers right as often as the item is recalled."""

    def __init__(self, element: Element, model: MemoryModel) -> None:
        self.element, self.model = element, model

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del observation
        # An item never seen has recall 0, not an undefined rate: `log_recall` returns -inf for it.
        p = probabilities(self.model, {}, {"seen": state["item_seen"], "ago": state["item_ago"]})
        return choose(p, stream.uniform()), 0.0


def nothing_learnt(num_items: int) -> State:
    """Return the memory of a user who has seen no item yet."""
    return State(
        seen=discrete_array_element(low=np.zeros(num_items, dtype=np.int64)),
        last=array_element((num_items,), np.zeros(num_items), low=0.0),
        item_seen=discrete_array_element(low=0),
        item_ago=array_element((), 0.0, low=0.0),
    )
