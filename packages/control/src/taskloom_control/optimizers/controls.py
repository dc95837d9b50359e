"""State of the trajectory optimizers: one control per step, which moves with the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.planning.splines import shift_knots

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.knots import KnotShape
    from taskloom_control.optimizers.linear import LocalModel
    from taskloom_control.planning.problem import PlanningProblem


class ControlState:
    """The nominal controls in the normalizer's coordinates, and one number that adapts.

    Args:
        shape: The size of a plan; a knot is a step here.
        regularization: Value that the adapting number begins with.

    Attributes:
        nominal: The plan as it stands.
        multipliers: Multipliers of the task's constraints at every step; empty before the first plan.
        kept: What is worked out at the first plan and used in every later one; a resumed run has no first plan.
        local: The local model of the planning problem, built at the first plan; no part of a checkpoint.
    """

    def __init__(self, shape: KnotShape, regularization: float = 0.0) -> None:
        self.nominal: Float[np.ndarray, "T nu"] = np.zeros((shape.num_knots, shape.num_controls))
        self.start = self.regularization = regularization
        self.kept: dict[str, np.ndarray] = {}
        self.multipliers: Float[np.ndarray, "T c"] = np.zeros((0, 0))
        self.local: LocalModel | None = None

    def local_model(self, problem: PlanningProblem, epsilon: float) -> LocalModel:
        """Return the local model of a planning problem, built at the first plan; `epsilon` is its finite differences' step."""
        if self.local is None:
            from taskloom_control.optimizers.linear import LocalModel  # heavy: mujoco

            self.local = LocalModel(problem, epsilon)
        return self.local

    def reset(self, nominal: Float[np.ndarray, "T nu"]) -> None:
        """Begin at a plan."""
        self.nominal = np.array(nominal, dtype=float)
        self.regularization, self.multipliers = self.start, np.zeros((0, 0))
        # The system may stand elsewhere now, so a regulator around the old target is of no use.
        self.kept = {}

    def shift(self, count: int) -> None:
        """Drop the first controls and repeat the last."""
        self.nominal = shift_knots(self.nominal, count)
        if self.multipliers.size and count:
            # Nothing is known of steps that were beyond the horizon.
            kept = self.multipliers[count:]
            self.multipliers = np.concatenate([kept, np.zeros_like(self.multipliers[len(kept) :])])

    def rescale(self, ratio: Float[np.ndarray, " nu"], offset: Float[np.ndarray, " nu"]) -> None:
        """Follow a change of coordinates z' = ratio * z + offset."""
        self.nominal = ratio * self.nominal + offset

    def carry_over(self, old: ControlState, move: Callable[[np.ndarray], np.ndarray]) -> None:
        """Take over the adapting number; a regulator for another horizon is of no use."""
        del move
        self.regularization = old.regularization

    def saved(self) -> dict[str, np.ndarray]:
        """Return everything that the next plan depends on, for a checkpoint."""
        # The local model is left out: it is the problem's own and is built anew from the model.
        kept = {f"kept/{name}": array for name, array in self.kept.items()}
        return {
            "nominal": self.nominal,
            "regularization": np.array(self.regularization),
            "multipliers": self.multipliers,
            **kept,
        }

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Take over what `saved` returned."""
        self.nominal = np.array(saved["nominal"], dtype=float)
        self.regularization = float(saved["regularization"])
        # A checkpoint of before there were constraints has none.
        self.multipliers = np.array(saved.get("multipliers", np.zeros((0, 0))))
        self.kept = {
            name.removeprefix("kept/"): np.array(array)
            for name, array in saved.items()
            if name.startswith("kept/")
        }
