"""Model-predictive path integral control.

G. Williams et al., "Information theoretic MPC for model-based reinforcement learning", ICRA 2017, algorithm 2, without the
control-cost correction term: the reward is the whole objective, as in predictive sampling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.knots import KnotSampler, ranked
from taskloom_control.optimizers.weights import softmax_weights, temperature_for

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import Mppi


class PathIntegral(KnotSampler):
    """The sampler that `Mppi` configures."""

    def __init__(self, config: Mppi, shape: Shape) -> None:
        super().__init__(config, shape)
        self._config = config

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the nominal plan, the memory, and copies of the nominal plan with noise."""
        noise = self.noise(draw, self._config.num_rollouts, self._config.sigma)
        noise += self.nominal
        return self.with_kept(noise)

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Average the candidates with weights exp((r - max r) / T)."""
        ess = self._config.ess
        temperature = temperature_for(rewards, ess) if ess > 0 else self._config.temperature
        self.weights = softmax_weights(rewards, temperature)
        self.arrays["nominal"] = np.tensordot(self.weights, knots, axes=1)
        if self._config.keep:
            self.remember(knots, ranked(rewards))
