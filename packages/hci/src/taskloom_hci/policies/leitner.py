"""Leitner's boxes: when each item is due, and which comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from typing_extensions import override

from taskloom_hci.games.teaching import NOTHING, Teaching
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Value, array_element, discrete_array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream

NEW = -1


class LeitnerBoxes(InferenceEngine):
    """Moves the item that was just answered one box up, or down to no less than the first, and sets when it is due.

    A new item is in no box, so that there is one to introduce when nothing is due.

    Args:
        shortest: Time until an item of the first box is due [s]; every further box doubles it.
    """

    def __init__(self, shortest: float) -> None:
        self.shortest = shortest

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        item, now = int(observation["task_state"]["item"]), float(observation["task_state"]["time"])
        if item == NOTHING:
            return {}, 0.0
        boxes, due = state["boxes"].copy(), state["due"].copy()
        right = bool(observation["user_action"]["action"])
        # From -1, a new item, a wrong answer leads to the first box as well: it counts as introduced.
        boxes[item] = max(boxes[item] + (1 if right else -1), 0)
        due[item] = now + self.shortest * 2.0 ** boxes[item]
        return {"boxes": boxes, "due": due}, 0.0


class LeitnerPolicy(Policy):
    """Shows what has been due longest; if nothing is, a new item; if there is none, what is due next."""

    def __init__(self, task: Teaching) -> None:
        self.task, self.element = task, task.assistant_element()

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del stream
        boxes, due = state["boxes"], state["due"]
        # The item is shown one trial from now, so what falls due until then is due.
        now = float(observation["task_state"]["time"]) + self.task.inter_trial
        known = np.flatnonzero(boxes != NEW)
        fresh = np.flatnonzero(boxes == NEW)
        # With every item in a box something must be shown before it is due.
        if len(known) and (due[known].min() <= now or not len(fresh)):
            return known[np.argmin(due[known])], 0.0
        return fresh[0], 0.0


def empty_boxes(num_items: int) -> State:
    """Return boxes in which no item is yet."""
    n = num_items
    return State(
        boxes=discrete_array_element(low=np.full(n, NEW), init=np.full(n, NEW)),
        due=array_element((n,), np.zeros(n), low=0.0),
    )
