"""Model-predictive path integral control.

G. Williams et al., "Information theoretic MPC for model-based reinforcement learning", ICRA 2017, algorithm 2, without the
control-cost correction term: the reward is the whole objective, as in predictive sampling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_control.optimizers.base import Positive, SamplingOptimizer
from taskloom_control.optimizers.weights import path_integral_weights

if TYPE_CHECKING:
    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards


class MPPI(SamplingOptimizer):
    """Model-predictive path integral control.

    The plan is the mean of the candidates, weighted by exp(-cost / temperature).
    """

    kind: Literal["mppi"] = "mppi"
    keep: Annotated[int, Field(ge=0)] = 2
    """Best candidates that are shifted in time and tried again in the next iteration."""
    sigma: Positive = 0.05
    """Standard deviation of the noise."""
    temperature: Positive = 0.05
    """Temperature of the weights, in units of the reward; used when `ess` is 0."""
    ess: Annotated[float, Field(ge=0)] = 5.0
    """Effective sample size that the temperature is adapted to in every iteration; 0 keeps the temperature fixed."""

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the nominal plan, the memory, and copies of the nominal plan with noise."""
        return state.around_nominal(self.noise(state, draw, self.num_rollouts, self.sigma))

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Average the candidates with weights exp((r - max r) / T)."""
        weights = path_integral_weights(rewards, self.temperature, self.ess)
        state.take_mean(knots, rewards, weights, self.keep)
