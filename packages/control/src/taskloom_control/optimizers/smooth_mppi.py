"""Smooth MPPI: path integral control over the rate of change of the controls.

T. Kim et al., "Smooth model predictive path integral control without smoothing", RA-L 2022: noise is added to the change from
knot to knot and integrated, so that neighbouring knots move together; the action cost penalizes their differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.knots import KnotSampler, ranked
from taskloom_control.optimizers.weights import softmax_weights, temperature_for

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import SmoothMppi


class SmoothPathIntegral(KnotSampler):
    """The sampler that `SmoothMppi` configures."""

    def __init__(self, config: SmoothMppi, shape: Shape) -> None:
        super().__init__(config, shape)
        self._config = config

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the nominal plan, the memory, and plans whose changes from knot to knot are noisy."""
        noise = self.noise(draw, self._config.num_rollouts, self._config.sigma)
        np.cumsum(noise, axis=1, out=noise)
        noise += self.nominal
        return self.with_kept(noise)

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Average the candidates, with the cost of their differences subtracted from the reward."""
        total = rewards - self.roughness(knots)
        ess = self._config.ess
        temperature = temperature_for(total, ess) if ess > 0 else self._config.temperature
        self.weights = softmax_weights(total, temperature)
        self.arrays["nominal"] = np.tensordot(self.weights, knots, axes=1)
        if self._config.keep:
            self.remember(knots, ranked(total))

    def roughness(self, knots: Float[np.ndarray, "R n nu"]) -> Float[np.ndarray, " R"]:
        """Return the cost of the squared differences between neighbouring knots."""
        change = np.square(np.diff(knots, axis=1)).sum(axis=(1, 2))
        return np.asarray(self._config.smoothness * change)
