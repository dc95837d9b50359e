"""Smooth MPPI.

T. Kim et al., "Smooth model predictive path integral control without smoothing", RA-L 2022: noise is added to the change from
knot to knot and integrated, so that neighbouring knots move together; the action cost penalizes their differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_control.optimizers.base import Positive, SamplingOptimizer
from taskloom_control.optimizers.weights import path_integral_weights

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards


class SmoothMPPI(SamplingOptimizer):
    """Path integral control over the rate of the knots.

    A cost on the differences of neighbouring knots can be added.
    """

    kind: Literal["smooth_mppi"] = "smooth_mppi"
    sigma: Positive = 0.1
    """Standard deviation of the noise on the change from knot to knot."""
    temperature: Positive = 0.05
    """Temperature of the weights, in units of the reward; used when `ess` is 0."""
    ess: Annotated[float, Field(ge=0)] = 0.0
    """Effective sample size that the temperature is adapted to; 0 keeps the temperature fixed."""
    smoothness: Annotated[float, Field(ge=0)] = 0.0
    """Cost per squared difference between neighbouring knots."""

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the nominal plan, the memory, and plans whose changes from knot to knot are noisy."""
        noise = self.noise(state, draw, self.num_rollouts, self.sigma)
        # Summed over the knots: noise on the rate is a random walk of the control.
        np.cumsum(noise, axis=1, out=noise)
        return state.around_nominal(noise)

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Average the candidates, with the cost of their differences subtracted from the reward."""
        # The memory is ranked by the same total, or rough plans would be tried again and again.
        total = rewards - self.roughness(knots)
        weights = path_integral_weights(total, self.temperature, self.ess)
        state.take_mean(knots, total, weights, self.keep)

    def roughness(self, knots: Float[np.ndarray, "R n nu"]) -> Float[np.ndarray, " R"]:
        """Return the cost of the squared differences between neighbouring knots."""
        change = np.square(np.diff(knots, axis=1)).sum(axis=(1, 2))
        return np.asarray(self.smoothness * change)
