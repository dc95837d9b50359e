"""iCEM: the cross-entropy method made quick enough for planning.

C. Pinneri et al., "Sample-efficient cross-entropy method for real-time planning", CoRL 2020, algorithm 1: coloured noise,
elites kept over iterations and plans, momentum, a population that shrinks, the mean tried in the last iteration, and the best
candidate executed instead of the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_control.optimizers.base import Positive, SamplingOptimizer
from taskloom_control.optimizers.cem import mean_and_deviation
from taskloom_control.optimizers.knots import Entry, ranked
from taskloom_control.optimizers.ladder import ladder, ramp

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards


@cache
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
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix.setflags(write=False)
    return np.asarray(matrix)


class ICEM(SamplingOptimizer):
    """Cross-entropy method with coloured noise and momentum.

    The elites are kept over iterations and plans, and the population shrinks from iteration to iteration.
    """

    kind: Literal["icem"] = "icem"
    keep: Annotated[int, Field(ge=0)] = 2
    """Elites that are shifted in time and tried again in the next iteration."""
    num_elites: Annotated[int, Field(ge=1)] = 4
    """Best candidates that the mean and the spread are fitted to."""
    sigma: Positive = 0.5
    """Standard deviation at the beginning of every plan."""
    sigma_min: Annotated[float, Field(ge=0)] = 0.05
    """Smallest standard deviation within a plan."""
    beta: Annotated[float, Field(ge=0)] = 1.0
    """Colour of the noise over the knots: its power falls as 1 / frequency^beta; 0 is white."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the previous mean and spread that a fit keeps."""
    decay: Annotated[float, Field(ge=1)] = 1.25
    """Factor by which the number of candidates shrinks from iteration to iteration."""

    def entries(self) -> Mapping[str, Entry]:
        """Return mean and spread; the nominal plan is the best candidate, not the mean."""
        return {"mean": Entry(position=True), "sigma": Entry(start=self.sigma)}

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the best plan, the elites of before, the mean in the last iteration, and coloured draws around the mean."""
        arrays = state.arrays
        # Every plan begins wide again: the spread of the plan before has shrunk around a state that is past.
        if draw.iteration == 0:
            arrays["sigma"] = np.full_like(arrays["nominal"], self.sigma)
        count = int(self.num_rollouts / self.decay**draw.iteration)
        # Two elites' worth of candidates at least: a fit to fewer would lose its spread (algorithm 1, line 5).
        count = max(count, min(2 * self.num_elites, self.num_rollouts))
        coloured = colouring(state.shape.num_knots, self.beta)
        # Colour first: it mixes knots, so a ramp or a spread before it would be none.
        white = draw.rng.standard_normal((count, *arrays["nominal"].shape))
        noise = np.matmul(coloured, white) * arrays["sigma"]
        if self.noise_ramp > 0:
            noise *= ramp(state.shape.num_knots, self.noise_ramp)
        if self.finest < 1:
            noise *= ladder(count, self.finest)
        noise += arrays["mean"]
        if draw.iteration == draw.iterations - 1 and count > 1:
            # The mean is judged once, where it is best; it takes the last row because the first ones are kept plans.
            noise[-1] = arrays["mean"]
        return state.with_kept(noise)

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Fit mean and spread to the elites with momentum; the best candidate is the plan."""
        order = ranked(rewards)
        chosen, keep, arrays = order[: self.num_elites], self.momentum, state.arrays
        mean, spread = mean_and_deviation(knots[chosen])
        scales = self.drawn_scales(state, len(knots))
        if isinstance(scales, np.ndarray):
            _, spread = mean_and_deviation((knots[chosen] - arrays["mean"]) / scales[chosen])
        arrays["mean"] = keep * arrays["mean"] + (1 - keep) * mean
        sigma = keep * arrays["sigma"] + (1 - keep) * spread
        arrays["sigma"] = np.maximum(sigma, self.sigma_min)
        arrays["nominal"] = knots[order[0]].copy()
        state.remember(knots, order, self.keep)
        state.weigh_alike(chosen, len(rewards))
