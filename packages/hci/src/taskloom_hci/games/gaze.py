"""Gaze: finding a target with the eyes."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.state.elements import Element, Value, array_element
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask

Places: TypeAlias = NDArray[np.float64]


class Gaze(InteractionTask):
    """A target in the box [-1, 1]^d and a fixation that starts in its middle (Chen et al., CHI 2021).

    In two dimensions the target lies at half the distance in a random direction, in one anywhere within it. The user's
    action is the next fixation; every fixation costs 1; the game ends when the fixation is closer to the edge of the target
    than the threshold.

    Args:
        width: Width of the target.
        distance: Diameter of the circle, or length of the line, that targets are on.
        threshold: How close to the target's edge counts as found.
        dimension: 1 or 2.
        max_rounds: Fixations after which a game is cut off.
    """

    constants = ("task_state__target",)

    def __init__(
        self,
        width: float = 0.04,
        distance: float = 0.8,
        threshold: float = 0.04,
        dimension: int = 2,
        max_rounds: int = 200,
    ) -> None:
        super().__init__()
        if dimension not in {1, 2}:
            raise HciError(f"Gaze has 1 or 2 dimensions, not {dimension}.")
        self.width, self.distance, self.threshold = width, distance, threshold
        self.dimension, self.max_rounds = dimension, max_rounds
        self.state["fixation"] = self.place("clip")
        self.state["target"] = self.place("error")

    def place(self, mode: Any = "error") -> Element:
        """Return an element that holds a point of the box."""
        return array_element(
            (self.dimension,), np.zeros(self.dimension), low=-1.0, high=1.0, out_of_bounds_mode=mode
        )

    def user_element(self) -> Element:
        """Return the next fixation; beyond the border it stops there."""
        return self.place("clip")

    def on_bundle_constraints(self) -> Iterable[str]:
        """Check that there is a user who looks, and no assistant."""
        user = self.game.user
        if user is None or user.policy.element.space.shape != (self.dimension,):
            yield f"Gaze in {self.dimension} dimension(s) needs a user whose actions are points of that many."
        if self.game.assistant is not None:
            yield "Gaze has no assistant: choose the assistant 'none'."

    @override
    def reset(self, forced: Mapping[str, Any] | None = None) -> None:
        self.state["fixation"] = np.zeros(self.dimension)
        self.state["target"] = targets_at(self, np.array(self.stream.uniform()))

    @override
    def on_user_action(self, *, user_action: Value) -> tuple[State, float, bool]:
        self.state["fixation"] = user_action
        found = self.is_found(self.state["fixation"], self.state["target"])
        return self.state, -1.0, bool(found)

    def is_found(self, fixation: Places, target: Places) -> NDArray[np.bool_]:
        """Return which of the fixations (..., d) are on their targets (..., d)."""
        off = fixation - target
        return np.asarray(np.sqrt(np.vecdot(off, off)) - self.width / 2.0 < self.threshold)

    @override
    def on_assistant_action(self, *, assistant_action: Value) -> tuple[State, float, bool]:
        raise HciError(f"Gaze has no assistant to do {assistant_action}.")

    def render(self, mode: str = "text", **axes: Any) -> str:
        """Return where target and fixation are."""
        del mode, axes
        places = {key: np.round(self.state[key], 3).tolist() for key in ("target", "fixation")}
        return f"target {places['target']}, fixation {places['fixation']}"


def targets_at(task: Gaze, draws: Places) -> Places:
    """Return the targets (..., d) that uniform draws (...) stand for."""
    if task.dimension == 1:
        return (draws[..., None] - 0.5) * task.distance
    angle = 2.0 * np.pi * draws
    return np.asarray(task.distance / 2.0 * np.stack([np.cos(angle), np.sin(angle)], axis=-1))
