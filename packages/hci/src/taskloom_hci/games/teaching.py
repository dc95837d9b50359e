"""Teaching: an assistant chooses what a user practises, and an exam asks what was learnt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
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
        wait = self.inter_trial if trial else 0.0
        if trial in self._ends:
            wait += self.pause
        self.state["item"], self.state["trial"] = assistant_action, trial + 1
        self.state["time"] = float(self.state["time"]) + wait
        return self.state, 0.0, False

    def num_learnt(self) -> int:
        """Return how many items the user would recall at an exam after this trial."""
        user = self.game.user
        if user is None:
            raise HciError("This game has no user who learns.")
        ago = float(self.state["time"]) + self.exam - user.state["last"]
        forgetting, repetition = user.parameters["forgetting"], user.parameters["repetition"]
        log_p = log_recall(user.state["seen"], ago, forgetting, repetition)
        return int((log_p > np.log(MASTERED)).sum())
