"""Separable CMA-ES: covariance matrix adaptation with a diagonal covariance.

R. Ros and N. Hansen, "A simple modification in CMA-ES achieving linear time and space complexity", PPSN 2008; constants from
N. Hansen, "The CMA evolution strategy: a tutorial", arXiv 1604.00772, table 1, with the covariance rates multiplied by
(N + 2) / 3. Candidates that were not drawn (the nominal plan, kept ones, clipped ones) are injected as in N. Hansen,
"Injecting external solutions into CMA-ES", arXiv 1110.4181: their step is shortened to what a draw could have made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.knots import Entry, KnotSampler, ranked

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import CmaEs


class SeparableCma(KnotSampler):
    """The sampler that `CmaEs` configures."""

    def __init__(self, config: CmaEs, shape: Shape) -> None:
        super().__init__(
            config,
            shape,
            variance=Entry(start=1.0, power=2),
            path=Entry(start=0.0, power=1),
            step_path=Entry(start=0.0, power=0),
        )
        self._config = config
        self._constants(shape.num_knots * shape.num_controls, config.num_rollouts)

    def _constants(self, size: int, population: int) -> None:
        """Set the weights and rates for N variables and a population."""
        parents = max(population // 2, 1)
        weights = np.log(parents + 0.5) - np.log(np.arange(1, parents + 1))
        self._weights = weights / weights.sum()
        self._mass = mass = 1.0 / np.square(self._weights).sum()
        self._rate_step = (mass + 2) / (size + mass + 5)
        self._damping = 1 + 2 * max(0.0, np.sqrt((mass - 1) / (size + 1)) - 1) + self._rate_step
        self._rate_path = (4 + mass / size) / (size + 4 + 2 * mass / size)
        separable = (size + 2) / 3
        rate_one = separable * 2 / ((size + 1.3) ** 2 + mass)
        rate_mass = separable * 2 * (mass - 2 + 1 / mass) / ((size + 2) ** 2 + mass)
        self._rate_one = min(1.0, rate_one)
        self._rate_mass = max(0.0, min(1 - self._rate_one, rate_mass))
        self._expected = np.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size**2))
        self._longest = np.sqrt(size) + 2 * size / (size + 2)

    @property
    def step(self) -> float:
        """The global step size."""
        return self.scalars.get("step", self._config.sigma_start)

    def deviation(self) -> Float[np.ndarray, "n nu"]:
        """Return the standard deviation of every knot."""
        spread = self.step * np.sqrt(self.arrays["variance"])
        return np.asarray(np.clip(spread, self._config.sigma_min, self._config.sigma_max))

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the mean, the memory, and draws from the adapted distribution."""
        noise = self.noise(draw, self._config.num_rollouts, self.deviation())
        noise += self.nominal
        return self.with_kept(noise)

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Move the mean and adapt the paths, the variances and the step size (tutorial, equations 41 to 47)."""
        order = ranked(rewards)[: len(self._weights)]
        chosen = self._weights[: len(order)] / self._weights[: len(order)].sum()
        deviation = self.deviation()
        steps = (knots[order] - self.nominal) / deviation
        length = np.sqrt(np.square(steps).sum(axis=(1, 2), keepdims=True))
        steps *= np.minimum(1.0, self._longest / np.maximum(length, 1e-12))
        mean = np.tensordot(chosen, steps, axes=1)
        self._adapt(mean, np.tensordot(chosen, np.square(steps), axes=1))
        self.arrays["nominal"] = self.nominal + deviation * mean
        self.remember(knots, ranked(rewards))
        self.weights = np.zeros(len(rewards))
        self.weights[order] = chosen

    def _adapt(self, mean: np.ndarray, square: np.ndarray) -> None:
        """Adapt the paths, the variances and the step size to the mean step and mean square, in standard deviations."""
        rate, root = self._rate_step, np.sqrt(np.clip(self.arrays["variance"], 1e-20, None))
        step_path = (1 - rate) * self.arrays["step_path"]
        step_path = step_path + np.sqrt(rate * (2 - rate) * self._mass) * mean
        norm = float(np.sqrt(np.square(step_path).sum()))
        stalled = norm > (1.4 + 2 / (mean.size + 1)) * self._expected
        path = (1 - self._rate_path) * self.arrays["path"]
        if not stalled:
            pull = np.sqrt(self._rate_path * (2 - self._rate_path) * self._mass)
            path = path + pull * mean * root
        self.arrays["path"], self.arrays["step_path"] = path, step_path
        old = self.arrays["variance"]
        kept = 1 - self._rate_one - self._rate_mass
        learned = self._rate_one * np.square(path) + self._rate_mass * square * old
        self.arrays["variance"] = kept * old + learned
        growth = (rate / self._damping) * (norm / self._expected - 1)
        step = self.step * float(np.exp(min(1.0, growth)))
        self.scalars["step"] = min(max(step, self._config.sigma_min), self._config.sigma_max)
