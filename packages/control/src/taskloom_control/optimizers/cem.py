"""The cross-entropy method with memory of its elites.

R. Rubinstein and D. Kroese, "The cross-entropy method" (2004), with population standard deviations, clipped. The elites are
candidates again at the next plan, shifted in time (C. Pinneri et al., CoRL 2020, section 3.2), which holds an equilibrium that
a freshly drawn population of a few dozen would lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_control.optimizers.base import Positive, SamplingOptimizer
from taskloom_control.optimizers.knots import Entry, ranked

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards


def mean_and_deviation(
    elites: Float[np.ndarray, "k n nu"],
) -> tuple[Float[np.ndarray, "n nu"], Float[np.ndarray, "n nu"]]:
    """Return the mean and the population standard deviation of some candidates."""
    # As NumPy's own, without its many small calls: a plan of a small model takes a millisecond.
    count = len(elites)
    mean = np.add.reduce(elites) / count
    gaps = elites - mean
    gaps *= gaps
    spread = np.add.reduce(gaps)
    spread /= count
    return mean, np.sqrt(spread, out=spread)


class CEM(SamplingOptimizer):
    """Cross-entropy method with memory of its elites.

    Mean and spread of the knots are refitted to the best candidates.
    """

    kind: Literal["cem"] = "cem"
    keep: Annotated[int, Field(ge=0)] = 2
    """Best candidates that are shifted in time and tried again in the next iteration."""
    num_elites: Annotated[int, Field(ge=1)] = 4
    """Best candidates that the mean and the spread are fitted to."""
    sigma_start: Positive = 0.5
    """Standard deviation of a knot that has not been fitted yet."""
    sigma_min: Positive = 0.03
    """Smallest standard deviation."""
    sigma_max: Positive = 1.0
    """Largest standard deviation."""

    def entries(self) -> Mapping[str, Entry]:
        """Return the spread of the knots."""
        return {"sigma": Entry(start=self.sigma_start)}

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the nominal plan, the elites of before, and draws from the fitted normal distribution."""
        spread = state.arrays["sigma"]
        return state.around_nominal(self.noise(state, draw, self.num_rollouts, spread))

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Fit mean and standard deviation to the elites."""
        order = ranked(rewards)
        chosen = order[: self.num_elites]
        # The population's deviation, not the sample's: with four elites the difference is 15 % of the spread.
        mean, spread = mean_and_deviation(knots[chosen])
        scales = self.drawn_scales(state, len(knots))
        if isinstance(scales, np.ndarray):
            # In the units that were drawn in, around the plan that was drawn around.
            _, spread = mean_and_deviation((knots[chosen] - state.nominal) / scales[chosen])
        state.arrays["nominal"] = mean
        np.maximum(spread, self.sigma_min, out=spread)
        state.arrays["sigma"] = np.minimum(spread, self.sigma_max, out=spread)
        state.remember(knots, order, self.keep)
        state.weigh_alike(chosen, len(rewards))
