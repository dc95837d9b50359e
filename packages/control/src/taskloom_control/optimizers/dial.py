"""DIAL: diffusion-inspired annealing for sampling MPC.

H. Xue et al., "Full-order sampling-based MPC for torque-level locomotion control via diffusion-style annealing", ICRA 2025,
equation 12: the noise of knot h in iteration i of N is sigma * exp(-i / (beta_1 N) - (n - 1 - h) / (beta_2 n)), i and h from 0,
so it falls from iteration to iteration and grows along the horizon, where the plan has been improved less often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.knots import KnotSampler, ranked
from taskloom_control.optimizers.weights import softmax_weights, temperature_for

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import Dial


class Annealed(KnotSampler):
    """The sampler that `Dial` configures."""

    def __init__(self, config: Dial, shape: Shape) -> None:
        super().__init__(config, shape)
        self._config = config

    def spread(self, iteration: int, iterations: int) -> Float[np.ndarray, "n 1"]:
        """Return the standard deviation per knot in an iteration."""
        n = self._shape.num_knots
        remaining = np.arange(n)[::-1] / (self._config.beta_horizon * n)
        annealed = iteration / (self._config.beta_iteration * iterations)
        return np.asarray(self._config.sigma * np.exp(-annealed - remaining))[:, None]

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the nominal plan, the memory, and copies with annealed noise."""
        spread = self.spread(draw.iteration, draw.iterations)
        noise = self.noise(draw, self._config.num_rollouts, spread)
        noise += self.nominal
        return self.with_kept(noise)

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Average the candidates with softmax weights."""
        ess = self._config.ess
        temperature = temperature_for(rewards, ess) if ess > 0 else self._config.temperature
        self.weights = softmax_weights(rewards, temperature)
        self.arrays["nominal"] = np.tensordot(self.weights, knots, axes=1)
        if self._config.keep:
            self.remember(knots, ranked(rewards))
