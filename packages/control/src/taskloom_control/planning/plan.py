"""Plans, and what they cost: controls as a function of simulated time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.weights import effective_sample_size

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.planning.feedback import Feedback
    from taskloom_control.planning.splines import KnotGrid


@dataclass(frozen=True)
class ControlPlan:
    """Controls as a function of simulated time.

    Attributes:
        grid: The knots.
        start: Index of the first knot on the clock's grid.
        curve: Coefficients in units of the controls, shape (n, p, nu).
        low: Lower bounds of the controls.
        high: Upper bounds of the controls.
        feedback: Gains around the expected trajectory; None where the plan is executed as it is.
    """

    grid: KnotGrid
    start: int
    curve: Float[np.ndarray, "n p nu"]
    low: Float[np.ndarray, " nu"]
    high: Float[np.ndarray, " nu"]
    feedback: Feedback | None = None

    @property
    def valid_until(self) -> float:
        """Time from which on the curve only holds its end [s]."""
        intervals = self.grid.num_knots - (self.grid.name != "zero")
        return (self.start + intervals) * self.grid.spacing

    def until_next_knot(self, moment: float) -> float:
        """Return how long after a simulated time the next knot stands [s]."""
        index, phase = self.grid.locate(moment)
        del index
        return (1.0 - phase) * self.grid.spacing

    def __call__(self, moment: float) -> Float[np.ndarray, " nu"]:
        """Return the controls at a simulated time [s]."""
        index, phase = self.grid.locate(moment)
        # By its own knots, not by its age: a plan is executed on the clock's grid whenever it was made.
        position = np.array([index - self.start + phase])
        flat = self.curve.reshape(-1, self.curve.shape[-1])
        return np.asarray(np.clip((self.grid.powers_at(position) @ flat)[0], self.low, self.high))

    def gains(self, moment: float) -> Float[np.ndarray, "nu n"] | None:
        """Return the feedback's gains at a simulated time [s]; None if the plan has none."""
        return None if self.feedback is None else self.feedback.at(moment)

    def corrected(
        self, moment: float, qpos: Float[np.ndarray, " nq"], rest: Float[np.ndarray, " r"]
    ) -> Float[np.ndarray, " nu"]:
        """Return the controls at a simulated time, with feedback on the state as it is if the plan has gains.

        Args:
            moment: The time [s].
            qpos: Positions of the planning model.
            rest: Its velocities and activations.
        """
        planned = self(moment)
        if self.feedback is None:
            return planned
        added = self.feedback.correction(moment, qpos, rest)
        return np.asarray(np.clip(planned + added, self.low, self.high))


@dataclass
class PlanStats:
    """Cost of one plan, and how the search for it went.

    Attributes:
        reward: Best reward of the last iteration.
        diverged: Rollouts that met a bad number, in all iterations.
        rollouts: Rollouts in all iterations that were made.
        rollouts_asked: Rollouts that the config asks for, in the iterations that were begun.
        seconds: Wall-clock time [s].
        starved: Whether there was time for too few candidates, so that the plan of before was moved on.
        deadline_missed: Whether the plan was there after its deadline.
        age: Age of the estimate when planning began [s].
        latency: Time from the estimate to the plan [s].
    """

    reward: float = -np.inf
    diverged: int = 0
    rollouts: int = 0
    rollouts_asked: int = 0
    seconds: float = 0.0
    starved: bool = False
    deadline_missed: bool = False
    age: float = 0.0
    latency: float = 0.0
    # Kept for the diagnoses below, which are worked out when they are asked for.
    _drawn: np.ndarray | None = field(default=None, repr=False)
    _knots: np.ndarray | None = field(default=None, repr=False)
    _weights: np.ndarray | None = field(default=None, repr=False)

    @property
    def rollouts_used(self) -> int:
        """Rollouts that the plan was made of."""
        return self.rollouts

    @property
    def ess(self) -> float:
        """Effective sample size of the last update."""
        return 1.0 if self._weights is None else float(effective_sample_size(self._weights))

    @property
    def clipped(self) -> float:
        """Share of the last candidates' knots that lay outside of the control range."""
        if self._drawn is None or self._knots is None:
            return 0.0
        return int(np.count_nonzero(self._drawn != self._knots)) / self._knots.size

    @property
    def spread(self) -> float:
        """Standard deviation of the knots under the weights of the last update, in the normalizer's units."""
        knots, weights = self._knots, self._weights
        if knots is None or weights is None:
            return 0.0
        # Weighted, because the candidates that do not count lie as far away as sigma reaches.
        mean = np.tensordot(weights, knots, axes=1)
        return float(np.sqrt(np.tensordot(weights, np.square(knots - mean), axes=1).mean()))
