"""The myopic teacher, and conservative teaching, which simulates it up to the exam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.games.teaching import MASTERED, NOTHING, Teaching
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.models.memory import log_recall
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Value, array_element, discrete_array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Bookkeeping(InferenceEngine):
    """Counts how often each item was shown, and when last."""

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        item = int(observation["task_state"]["item"])
        if item == NOTHING:
            return {}, 0.0
        seen, last = state["seen"].copy(), state["last"].copy()
        seen[item] += 1
        last[item] = float(observation["task_state"]["time"])
        return {"seen": seen, "last": last}, 0.0


def weakest_or_new(log_p: Floats, seen: Ints, allowed: int) -> int:
    """Return the seen item that is weakest if it is below mastery or none is new, else the next new item.

    Args:
        log_p: Log-probability of recall now, (N,).
        seen: How often each was shown, (N,).
        allowed: Only the first so many items count.
    """
    # Items are introduced in order, so that "the first `allowed`" is the set that conservative teaching keeps.
    known = np.flatnonzero(seen[:allowed] > 0)
    fresh = np.flatnonzero(seen[:allowed] == 0)
    if len(known):
        # Logarithms, because recall after a long pause underflows and the weakest could not be told.
        weakest = int(known[np.argmin(log_p[known])])
        if not len(fresh) or log_p[weakest] <= np.log(MASTERED):
            return weakest
    return int(fresh[0])


class MyopicPolicy(Policy):
    """Looks one trial ahead; `conservative` first drops items until all that are left would be mastered at the exam.

    Args:
        task: The task.
        rule: `myopic` or `conservative`.
        forgetting: What it believes of the user's forgetting [1/s]; likewise `repetition`.
        repetition: See `forgetting`.
    """

    def __init__(
        self,
        task: Teaching,
        rule: Literal["myopic", "conservative"],
        forgetting: float,
        repetition: float,
    ) -> None:
        self.task, self.element, self.rule = task, task.assistant_element(), rule
        self.forgetting, self.repetition = forgetting, repetition

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del stream
        task = observation["task_state"]
        seen, last, trial = state["seen"], state["last"], int(task["trial"])
        now = self._time_of(float(task["time"]), trial)
        allowed = self.task.num_items
        if self.rule == "conservative":
            allowed = self._mastered_set(seen, last, now, trial)
        return weakest_or_new(self._recall(seen, last, now), seen, allowed), 0.0

    def _recall(self, seen: Ints, last: Floats, now: float) -> Floats:
        return log_recall(
            seen, now - last, np.asarray(self.forgetting), np.asarray(self.repetition)
        )

    def _time_of(self, time: float, trial: int) -> float:
        """Return when the next trial is, after `trial` of them."""
        task = self.task
        # The clock of `Teaching.on_assistant_action`: no wait before the first trial, a pause after the last of a session.
        wait = task.inter_trial if trial else 0.0
        return time + wait + (task.pause if trial in np.cumsum(task.sessions)[:-1] else 0.0)

    def _mastered_set(self, seen: Ints, last: Floats, now: float, trial: int) -> int:
        """Return the largest number of items that the myopic teacher would bring to mastery, but no less than were shown."""
        # What was shown cannot be taken back, and one item is taught even if it could not be mastered.
        shown = max(int((seen > 0).sum()), 1)
        low, high = shown, self.task.num_items
        # What can be mastered shrinks with the number of items, so halving finds the largest.
        while low < high:
            middle = (low + high + 1) // 2
            if self._masters_all(seen, last, now, trial, middle):
                low = middle
            else:
                high = middle - 1
        return low

    def _masters_all(self, seen: Ints, last: Floats, now: float, trial: int, allowed: int) -> bool:
        # Recall does not depend on the answers, so one deterministic course stands for all of them.
        seen, last = seen.copy(), last.copy()
        while trial < self.task.num_trials:
            item = weakest_or_new(self._recall(seen, last, now), seen, allowed)
            seen[item] += 1
            last[item] = now
            trial += 1
            if trial < self.task.num_trials:
                now = self._time_of(now, trial)
        # The last trial is not followed by a wait: the exam comes `exam` seconds after it.
        at_exam = self._recall(seen, last, now + self.task.exam)
        return bool(np.all(at_exam[:allowed] > np.log(MASTERED)))


def myopic_teacher(
    task: Teaching, rule: Literal["myopic", "conservative"], forgetting: float, repetition: float
) -> Agent:
    """Return a teacher that knows how its user forgets."""
    n = task.num_items
    state = State(
        seen=discrete_array_element(low=np.zeros(n, dtype=np.int64)),
        last=array_element((n,), np.zeros(n), low=0.0),
    )
    policy = MyopicPolicy(task, rule, forgetting, repetition)
    return Agent("assistant", policy=policy, state=state, inference=Bookkeeping())
