"""The myopic teacher, and conservative teaching, which simulates it up to the exam."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
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

LOG_MASTERED = float(np.log(MASTERED))
MOST_KEPT = 10_000  # answers of conservative teaching: those of a course of as many trials


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
        if not len(fresh) or log_p[weakest] <= LOG_MASTERED:
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
        self._found: dict[tuple[int, float, bytes, bytes], int] = {}
        self._rates: list[float] = []

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del stream
        task = observation["task_state"]
        time, trial = float(task["time"]), int(task["trial"])
        return self.next_item(state["seen"], state["last"], time, trial), 0.0

    def next_item(self, seen: Ints, last: Floats, time: float, trial: int) -> int:
        """Return the item that it shows after `trial` trials.

        Args:
            seen: How often each item was shown, (N,).
            last: When each was shown last [s], (N,).
            time: The time now [s].
            trial: How many trials there were.
        """
        now = self._time_of(time, trial)
        allowed = self.task.num_items
        if self.rule == "conservative":
            allowed = self._mastered_set(seen, last, now, trial)
        return weakest_or_new(self._recall(seen, last, now), seen, allowed)

    def course(self, times: Sequence[float]) -> list[int]:
        """Return the items of a whole course whose trials are at `times` [s]; no answer changes it."""
        seen = np.zeros(self.task.num_items, dtype=np.int64)
        last = np.zeros(self.task.num_items)
        items: list[int] = []
        for trial, time in enumerate(times[:-1]):
            if items:
                seen[items[-1]] += 1
                last[items[-1]] = time
            items.append(self.next_item(seen, last, time, trial))
        return items

    def _recall(self, seen: Ints, last: Floats, now: float) -> Floats:
        return log_recall(
            seen, now - last, np.asarray(self.forgetting), np.asarray(self.repetition)
        )

    def _time_of(self, time: float, trial: int) -> float:
        """Return when the next trial is, after `trial` of them."""
        task = self.task
        # The clock of `Teaching.on_assistant_action`: no wait before the first trial, a pause after the last of a session.
        wait = task.inter_trial if trial else 0.0
        return time + wait + (task.pause if task.begins_session(trial) else 0.0)

    def _mastered_set(self, seen: Ints, last: Floats, now: float, trial: int) -> int:
        """Return the largest number of items that the myopic teacher would bring to mastery, but no less than were shown."""
        # No answer changes a course, so that every episode asks the same again.
        asked = (trial, now, seen.tobytes(), last.tobytes())
        if asked not in self._found:
            if len(self._found) >= MOST_KEPT:
                self._found.clear()
            self._found[asked] = self._largest_mastered(seen, last, now, trial)
        return self._found[asked]

    def _largest_mastered(self, seen: Ints, last: Floats, now: float, trial: int) -> int:
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
        # Recall does not depend on the answers, so one deterministic course stands for all of them. It is played in plain
        # numbers, whose products have the bits of `log_recall`: arrays of twenty cost more than what is in them.
        counts, lasts = seen[:allowed].tolist(), last[:allowed].tolist()
        slopes = self._slopes(max(counts) + self.task.num_trials)
        known = [i for i in range(allowed) if counts[i]]
        fresh = [i for i in range(allowed) if not counts[i]]
        while trial < self.task.num_trials:
            weakest, least = -1, np.inf
            for i in known:
                log_p = slopes[counts[i]] * (now - lasts[i])
                if log_p < least:
                    weakest, least = i, log_p
            if not fresh or least <= LOG_MASTERED:
                item = weakest
            else:
                item = fresh.pop(0)
                insort(known, item)
            counts[item] += 1
            lasts[item] = now
            trial += 1
            if trial < self.task.num_trials:
                now = self._time_of(now, trial)
        # The last trial is not followed by a wait: the exam comes `exam` seconds after it.
        exam = now + self.task.exam
        return not fresh and all(
            slopes[counts[i]] * (exam - lasts[i]) > LOG_MASTERED for i in known
        )

    def _slopes(self, most: int) -> list[float]:
        """Return the change of the log-recall in a second for items seen 0 to `most` times, as `log_recall` has it."""
        if len(self._rates) <= most:
            seen = np.arange(most + 1)
            self._rates = self._recall(seen, np.zeros(most + 1), 1.0).tolist()
        return self._rates


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
