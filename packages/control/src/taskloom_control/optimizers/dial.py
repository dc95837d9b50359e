"""DIAL: diffusion-inspired annealing for sampling MPC.

H. Xue et al., "Full-order sampling-based MPC for torque-level locomotion control via diffusion-style annealing", ICRA 2025,
equation 12: the noise of knot h in iteration i of N is sigma * exp(-i / (beta_1 N) - (n - 1 - h) / (beta_2 n)), i and h from 0,
so it falls from iteration to iteration and grows along the horizon, where the plan has been improved less often.
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


class DIAL(SamplingOptimizer):
    """Path integral control with annealed noise.

    The noise falls over iterations and grows along the horizon.
    """

    kind: Literal["dial"] = "dial"
    sigma: Positive = 0.3
    """Standard deviation of the last knot in the first iteration."""
    beta_iteration: Positive = 1.0
    """Slowness of the noise's fall from iteration to iteration; larger is slower."""
    beta_horizon: Positive = 1.0
    """Slowness of the noise's fall from the last knot to the first; larger is slower."""
    temperature: Positive = 0.05
    """Temperature of the weights, in units of the reward; used when `ess` is 0."""
    ess: Annotated[float, Field(ge=0)] = 4.0
    """Effective sample size that the temperature is adapted to; 0 keeps the temperature fixed."""

    def spread(self, num_knots: int, iteration: int, iterations: int) -> Float[np.ndarray, "n 1"]:
        """Return the standard deviation per knot in an iteration."""
        # Counted from the last knot, which has the full sigma whatever the number of knots.
        remaining = np.arange(num_knots)[::-1] / (self.beta_horizon * num_knots)
        # Relative to the number of iterations, so that one more of them anneals as far, in finer steps.
        annealed = iteration / (self.beta_iteration * iterations)
        return np.asarray(self.sigma * np.exp(-annealed - remaining))[:, None]

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the nominal plan, the memory, and copies with annealed noise."""
        spread = self.spread(state.shape.num_knots, draw.iteration, draw.iterations)
        return state.around_nominal(self.noise(state, draw, self.num_rollouts, spread))

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Average the candidates with softmax weights."""
        weights = path_integral_weights(rewards, self.temperature, self.ess)
        state.take_mean(knots, rewards, weights, self.keep)
