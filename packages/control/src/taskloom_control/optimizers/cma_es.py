"""Separable CMA-ES: covariance matrix adaptation with a diagonal covariance.

R. Ros and N. Hansen, "A simple modification in CMA-ES achieving linear time and space complexity", PPSN 2008; constants from
N. Hansen, "The CMA evolution strategy: a tutorial", arXiv 1604.00772, table 1, with the covariance rates multiplied by
(N + 2) / 3. Candidates that were not drawn (the nominal plan, kept ones, clipped ones) are injected as in N. Hansen,
"Injecting external solutions into CMA-ES", arXiv 1110.4181: their step is shortened to what a draw could have made.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from taskloom_control.optimizers.base import Positive, SamplingOptimizer
from taskloom_control.optimizers.knots import Entry, ranked

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards


class LearningRates(NamedTuple):
    """Weights and rates for N variables and a population (tutorial, table 1).

    Attributes:
        weights: Recombination weights of the best half, from best to worst.
        mass: Variance-effective selection mass.
        step: Rate of the path of the step size.
        damping: Damping of the step size.
        path: Rate of the path of the covariance.
        one: Rate of the rank-one update.
        many: Rate of the rank-mu update.
        expected: Expected length of a standard normal vector.
        longest: Length that an injected step is shortened to.
    """

    weights: np.ndarray
    mass: float
    step: float
    damping: float
    path: float
    one: float
    many: float
    expected: float
    longest: float


@cache
def learning_rates(size: int, population: int) -> LearningRates:
    """Return the constants for N variables and a population."""
    parents = max(population // 2, 1)
    weights = np.log(parents + 0.5) - np.log(np.arange(1, parents + 1))
    weights = weights / weights.sum()
    weights.setflags(write=False)
    mass = 1.0 / np.square(weights).sum()
    step = (mass + 2) / (size + mass + 5)
    # A diagonal has N numbers to learn where a full covariance has N^2 / 2, so it can learn faster (Ros and Hansen, section 3).
    separable = (size + 2) / 3
    one = separable * 2 / ((size + 1.3) ** 2 + mass)
    many = separable * 2 * (mass - 2 + 1 / mass) / ((size + 2) ** 2 + mass)
    one = min(1.0, one)
    return LearningRates(
        weights,
        mass,
        step,
        damping=1 + 2 * max(0.0, np.sqrt((mass - 1) / (size + 1)) - 1) + step,
        path=(4 + mass / size) / (size + 4 + 2 * mass / size),
        one=one,
        many=max(0.0, min(1 - one, many)),
        expected=np.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size**2)),
        longest=np.sqrt(size) + 2 * size / (size + 2),
    )


class CMAES(SamplingOptimizer):
    """Separable covariance matrix adaptation."""

    kind: Literal["cma_es"] = "cma_es"
    keep: Annotated[int, Field(ge=0)] = 1
    """Best candidates that are shifted in time and tried again in the next iteration."""
    sigma_start: Positive = 0.3
    """Step size at the beginning."""
    sigma_min: Positive = 0.03
    """Smallest standard deviation of a knot."""
    sigma_max: Positive = 1.0
    """Largest standard deviation of a knot."""

    def entries(self) -> Mapping[str, Entry]:
        """Return the variances, relative to the step size, and the two evolution paths."""
        return {
            "variance": Entry(start=1.0, power=2),
            "path": Entry(start=0.0, power=1),
            "step_path": Entry(start=0.0, power=0),
        }

    def deviation(self, state: KnotState) -> Float[np.ndarray, "n nu"]:
        """Return the standard deviation of every knot."""
        spread = self.step(state) * np.sqrt(state.arrays["variance"])
        return np.asarray(np.clip(spread, self.sigma_min, self.sigma_max))

    def step(self, state: KnotState) -> float:
        """Return the global step size."""
        return state.scalars.get("step", self.sigma_start)

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the mean, the memory, and draws from the adapted distribution."""
        spread = self.deviation(state)
        return state.around_nominal(self.noise(state, draw, self.num_rollouts, spread))

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Move the mean and adapt the paths, the variances and the step size (tutorial, equations 41 to 47)."""
        # By those that were rolled out, so that a plan that is cut learns as one of that size.
        rates = learning_rates(state.nominal.size, len(rewards))
        best = ranked(rewards)
        order = best[: len(rates.weights)]
        # Fewer candidates than weights are left when many diverge.
        chosen = rates.weights[: len(order)] / rates.weights[: len(order)].sum()
        # In the clipped deviations that were drawn with, or a floor on sigma would count as a large step.
        deviation = self.deviation(state)
        scales = self.drawn_scales(state, len(knots))
        own = scales[order] if isinstance(scales, np.ndarray) else scales
        steps = (knots[order] - state.nominal) / (deviation * own)
        length = np.sqrt(np.square(steps).sum(axis=(1, 2), keepdims=True))
        steps *= np.minimum(1.0, rates.longest / np.maximum(length, 1e-12))
        mean = np.tensordot(chosen, steps, axes=1)
        # The mean moves as far as the candidates did; what is learned is in the units of the draws.
        moved = mean if isinstance(own, float) else np.tensordot(chosen, steps * own, axes=1)
        self._adapt(state, rates, mean, np.tensordot(chosen, np.square(steps), axes=1))
        state.arrays["nominal"] = state.nominal + deviation * moved
        state.remember(knots, best, self.keep)
        state.weights = np.zeros(len(rewards))
        state.weights[order] = chosen

    def _adapt(
        self, state: KnotState, rates: LearningRates, mean: np.ndarray, square: np.ndarray
    ) -> None:
        """Adapt the paths, the variances and the step size to the mean step and mean square, in standard deviations."""
        arrays, rate, old = state.arrays, rates.step, state.arrays["variance"]
        step_path = (1 - rate) * arrays["step_path"]
        step_path = step_path + np.sqrt(rate * (2 - rate) * rates.mass) * mean
        norm = float(np.sqrt(np.square(step_path).sum()))
        # While the step size is still growing, the covariance must not take over its job (tutorial, equation 45, h_sigma).
        stalled = norm > (1.4 + 2 / (mean.size + 1)) * rates.expected
        path = (1 - rates.path) * arrays["path"]
        if not stalled:
            pull = np.sqrt(rates.path * (2 - rates.path) * rates.mass)
            path = path + pull * mean * np.sqrt(np.clip(old, 1e-20, None))
        arrays["path"], arrays["step_path"] = path, step_path
        learned = rates.one * np.square(path) + rates.many * square * old
        arrays["variance"] = (1 - rates.one - rates.many) * old + learned
        growth = (rate / rates.damping) * (norm / rates.expected - 1)
        # At most e-fold a plan: an injected elite can make the path far longer than a draw would.
        step = self.step(state) * float(np.exp(min(1.0, growth)))
        state.scalars["step"] = min(max(step, self.sigma_min), self.sigma_max)
