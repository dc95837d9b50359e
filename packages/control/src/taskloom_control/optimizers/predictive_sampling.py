"""Predictive sampling: the best of the nominal plan and noisy copies of it becomes the plan.

T. Howell et al., "Predictive sampling: real-time behaviour synthesis with MuJoCo", arXiv 2212.00541, algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom_control.optimizers.knots import KnotSampler, one_hot, ranked

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import PredictiveSampling


class PredictiveSampler(KnotSampler):
    """The sampler that `PredictiveSampling` configures."""

    def __init__(self, config: PredictiveSampling, shape: Shape) -> None:
        super().__init__(config, shape)
        self._config = config

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the nominal plan, the memory, and copies of the nominal plan with noise."""
        noise = self.noise(draw, self._config.num_rollouts, self._config.sigma)
        noise += self.nominal
        return self.with_kept(noise)

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Take the best candidate; remember the runners-up."""
        order = ranked(rewards)
        self.arrays["nominal"] = knots[order[0]].copy()
        self.remember(knots, order[1:])
        self.weights = one_hot(len(rewards), int(order[0]))
