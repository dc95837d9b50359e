"""The cross-entropy method with memory of its elites.

R. Rubinstein and D. Kroese, "The cross-entropy method" (2004), with population standard deviations, clipped. The elites are
candidates again at the next plan, shifted in time (C. Pinneri et al., CoRL 2020, section 3.2), which holds an equilibrium that
a freshly drawn population of a few dozen would lose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.knots import Entry, KnotSampler, mean_and_deviation, ranked

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import Cem


class CrossEntropy(KnotSampler):
    """The sampler that `Cem` configures."""

    def __init__(self, config: Cem, shape: Shape) -> None:
        super().__init__(config, shape, sigma=Entry(start=config.sigma_start))
        self._config = config

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the nominal plan, the elites of before, and draws from the fitted normal distribution."""
        noise = self.noise(draw, self._config.num_rollouts, self.arrays["sigma"])
        noise += self.nominal
        return self.with_kept(noise)

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Fit mean and standard deviation to the elites."""
        order = ranked(rewards)
        chosen = order[: self._config.num_elites]
        elites = knots[chosen]
        mean, spread = mean_and_deviation(elites)
        self.arrays["nominal"] = mean
        np.maximum(spread, self._config.sigma_min, out=spread)
        self.arrays["sigma"] = np.minimum(spread, self._config.sigma_max, out=spread)
        self.remember(knots, order)
        self.weights = np.zeros(len(rewards))
        self.weights[chosen] = 1.0 / len(chosen)
