"""Teaching: an assistant chooses what a user practises, and an exam asks what was learnt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.models.memory import log_recall
from taskloom_hci.state.elements import Element, Value, array_element, discrete_array_element
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask

NOTHING = -1
MASTERED = 0.9


class Teaching(InteractionTask):
    """Items to learn, shown one at a time in sessions; some time after the last one is an exam.

    The assistant's action is the item to show next; the user's is whether it knew the one that was shown (in the first
    round nothing was). The reward comes at the end: the number of items that the user would recall at the exam with a
    probability above 0.9.

    Args:
        num_items: How many items there are.
        sessions: Trials of every session.
        inter_trial: Time from one trial to the next [s].
        pause: Time between sessions, in addition [s].
        exam: Time from the last trial to the exam [s].
    """

    def __init__(
        self,
        num_items: int = 20,
        sessions: Sequence[int] = (100, 100),
        inter_trial: float = 3.0,
        pause: float = 30.0,
        exam: float = 60.0,
    ) -> None:
        super().__init__()
        if num_items < 1 or not sessions or min(sessions) < 1:
            raise HciError(
                f"Teaching needs items and trials, not {num_items} items and sessions of {list(sessions)}."
            )
        self.num_items, self.sessions = num_items, tuple(sessions)
        self.inter_trial, self.pause, self.exam = inter_trial, pause, exam
        self.num_trials = sum(sessions)
        self._ends = set(np.cumsum(sessions)[:-1].tolist())
        self.parameters["num_items"] = num_items
        self.state["item"] = discrete_array_element(
            low=NOTHING, high=num_items - 1, init=NOTHING, out_of_bounds_mode="error"
        )
        self.state["trial"] = discrete_array_element(
            low=0, high=self.num_trials, init=0, out_of_bounds_mode="error"
        )
        self.state["time"] = array_element((), 0.0, low=0.0)

    def user_element(self) -> Element:
        """Return the two answers: 0 for wrong and 1 for right."""
        return discrete_array_element(2, out_of_bounds_mode="error")

    def assistant_element(self) -> Element:
        """Return the items."""
        return discrete_array_element(self.num_items, out_of_bounds_mode="error")

    def on_bundle_constraints(self) -> Iterable[str]:
        """Check that there is a user who learns and an assistant who teaches."""
        user, assistant = self.game.user, self.game.assistant
        if user is None or not {"seen", "last"} <= set(user.state):
            yield "Teaching needs a user with a memory ('seen' and 'last' in its state): choose the user 'memory'."
        if assistant is None or assistant.policy.element.space != self.assistant_element().space:
            yield f"Teaching needs an assistant that chooses one of {self.num_items} items."

    @override
    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        self.state["item"], self.state["trial"], self.state["time"] = NOTHING, 0, 0.0

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        del user_action
        over = bool(self.state["trial"] == self.num_trials)
        return self.state, float(self.num_learnt()) if over else 0.0, over

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        trial = int(self.state["trial"])
        self.state["item"], self.state["trial"] = assistant_action, trial + 1
        self.state["time"] = float(self.state["time"]) + self.wait_before(trial)
        return self.state, 0.0, False

    def wait_before(self, trial: int) -> float:
        """Return the time that passes before a trial, counted from 0, begins [s]: none before the first."""
        wait = self.inter_trial if trial else 0.0
        return wait + self.pause if self.begins_session(trial) else wait

    def begins_session(self, trial: int) -> bool:
        """Return whether a trial, counted from 0, comes after the pause between two sessions."""
        return trial in self._ends

    def num_learnt(self) -> int:
        """Return how many items the user would recall at an exam after this trial."""
        user = self.game.user
        if user is None:
            raise HciError("This game has no user who learns.")
        forgetting, repetition = user.parameters["forgetting"], user.parameters["repetition"]
        time = float(self.state["time"])
        return int(
            self.learnt(user.state["seen"], user.state["last"], time, forgetting, repetition)
        )

    def learnt(
        self, seen: Value, last: Value, time: float, forgetting: float, repetition: float
    ) -> NDArray[np.int64]:
        """Return how many items (...,) are recalled at an exam after a trial at `time` [s].

        Args:
            seen: How often each item was seen, (..., N).
            last: When each was seen last [s], (..., N).
            time: The time of the trial [s].
            forgetting: Rate of forgetting [1/s]; likewise the effect of a `repetition`.
            repetition: See `forgetting`.
        """
        log_p = log_recall(seen, time + self.exam - last, forgetting, repetition)
        return np.asarray((log_p > np.log(MASTERED)).sum(axis=-1))
