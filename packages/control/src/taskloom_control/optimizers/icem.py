"""iCEM: the cross-entropy method made quick enough for planning.

C. Pinneri et al., "Sample-efficient cross-entropy method for real-time planning", CoRL 2020, algorithm 1: coloured noise,
elites kept over iterations and plans, momentum, a population that shrinks, the mean tried in the last iteration, and the best
candidate executed instead of the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.knots import Entry, KnotSampler, mean_and_deviation, ranked

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import Icem


def colouring(num_knots: int, beta: float) -> Float[np.ndarray, "n n"]:
    """Return the matrix that turns white noise over knots into noise of power 1 / frequency^beta and unit variance.

    Timmer and Koenig (1995): scale the Fourier coefficients of white noise. The transform is orthonormal and the scale of a
    frequency is real, so the matrix is symmetric; the zero frequency takes the scale of the lowest one. A row's norm is the
    standard deviation at its knot, the same for all knots.
    """
    frequencies = np.fft.rfftfreq(num_knots)
    frequencies[0] = frequencies[min(1, len(frequencies) - 1)] or 1.0
    spectrum = np.fft.rfft(np.eye(num_knots), axis=0) * (frequencies ** (-beta / 2.0))[:, None]
    matrix = np.fft.irfft(spectrum, n=num_knots, axis=0)
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


class ImprovedCrossEntropy(KnotSampler):
    """The sampler that `Icem` configures."""

    def __init__(self, config: Icem, shape: Shape) -> None:
        super().__init__(config, shape, mean=Entry(position=True), sigma=Entry(start=config.sigma))
        self._config = config
        self._colouring = colouring(shape.num_knots, config.beta)

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the best plan, the elites of before, the mean in the last iteration, and coloured draws around the mean."""
        config = self._config
        if draw.iteration == 0:
            self.arrays["sigma"] = np.full_like(self.nominal, config.sigma)
        count = int(config.num_rollouts / config.decay**draw.iteration)
        count = max(count, min(2 * config.num_elites, config.num_rollouts))
        noise = np.matmul(self._colouring, self.noise(draw, count, 1.0)) * self.arrays["sigma"]
        noise += self.arrays["mean"]
        if draw.iteration == draw.iterations - 1 and count > 1:
            noise[-1] = self.arrays["mean"]
        return self.with_kept(noise)

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Fit mean and spread to the elites with momentum; the best candidate is the plan."""
        config = self._config
        order = ranked(rewards)
        chosen = order[: config.num_elites]
        elites = knots[chosen]
        keep = config.momentum
        mean, spread = mean_and_deviation(elites)
        self.arrays["mean"] = keep * self.arrays["mean"] + (1 - keep) * mean
        sigma = keep * self.arrays["sigma"] + (1 - keep) * spread
        self.arrays["sigma"] = np.maximum(sigma, config.sigma_min)
        self.arrays["nominal"] = knots[order[0]].copy()
        self.remember(knots, order)
        self.weights = np.zeros(len(rewards))
        self.weights[chosen] = 1.0 / len(chosen)
