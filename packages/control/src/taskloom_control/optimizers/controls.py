"""State of the trajectory optimizers: one control per step, which moves with the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.planning.splines import shift_knots

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Shape


class ControlState:
    """The nominal controls in the normalizer's coordinates, and one number that adapts.

    Args:
        shape: The size of a plan; a knot is a step here.
        regularization: Value that the adapting number begins with.
    """

    def __init__(self, shape: Shape, regularization: float = 0.0) -> None:
        self._start = regularization
        self.regularization = regularization
        self.nominal: Float[np.ndarray, "T nu"] = np.zeros((shape.num_knots, shape.num_controls))
        # What is worked out at the first plan and used in every later one: a resumed run has no first plan.
        self.kept: dict[str, np.ndarray] = {}

    def reset(self, nominal: Float[np.ndarray, "T nu"]) -> None:
        """Begin at a plan."""
        self.nominal = np.array(nominal, dtype=float)
        self.regularization = self._start
        self.kept = {}

    def shift(self, count: int) -> None:
        """Drop the first controls and repeat the last."""
        self.nominal = shift_knots(self.nominal, count)

    def rescale(self, ratio: Float[np.ndarray, " nu"], offset: Float[np.ndarray, " nu"]) -> None:
        """Follow a change of coordinates z' = ratio * z + offset."""
        self.nominal = ratio * self.nominal + offset

    def state(self) -> dict[str, np.ndarray]:
        """Return everything for a checkpoint."""
        kept = {f"kept/{name}": array for name, array in self.kept.items()}
        return {
            "nominal": self.nominal,
            "regularization": np.array(self.regularization),
            **kept,
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""
        self.nominal = np.array(state["nominal"], dtype=float)
        self.regularization = float(state["regularization"])
        self.kept = {
            name.removeprefix("kept/"): np.array(array)
            for name, array in state.items()
            if name.startswith("kept/")
        }
