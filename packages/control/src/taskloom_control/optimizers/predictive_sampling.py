"""Predictive sampling.

T. Howell et al., "Predictive sampling: real-time behaviour synthesis with MuJoCo", arXiv 2212.00541, algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_control.optimizers.base import Positive, SamplingOptimizer

if TYPE_CHECKING:
    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards


class PredictiveSampling(SamplingOptimizer):
    """Predictive sampling: keep the best."""

    kind: Literal["ps"] = "ps"
    keep: Annotated[int, Field(ge=0)] = 2
    """Best candidates that are shifted in time and tried again in the next iteration."""
    sigma: Positive = 0.1
    """Standard deviation of the coarsest candidate's noise."""
    finest: Annotated[float, Field(gt=0, le=1)] = 0.0625
    """Noise of the finest candidate over that of the coarsest: coarse ones swing up, fine ones hold."""

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the nominal plan, the memory, and copies of the nominal plan with noise."""
        return state.around_nominal(self.noise(state, draw, self.num_rollouts, self.sigma))

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Take the best candidate; remember the runners-up."""
        state.take_best(knots, rewards, self.keep)
