"""Random shooting: uniform candidates over the whole control range, the best becomes the plan.

The plan of before is one of the candidates, so a plan is never exchanged for a worse one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.knots import KnotSampler, one_hot, ranked

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import RandomShooting

# Half width of the draw for an actuator without limits, in the normalizer's units.
_UNLIMITED = 3.0


class RandomShooter(KnotSampler):
    """The sampler that `RandomShooting` configures."""

    def __init__(self, config: RandomShooting, shape: Shape) -> None:
        super().__init__(config, shape)
        self._config = config

    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return the nominal plan, the memory, and uniform candidates."""
        low = np.where(np.isfinite(draw.low), draw.low, -_UNLIMITED)
        high = np.where(np.isfinite(draw.high), draw.high, _UNLIMITED)
        size = (self._config.num_rollouts, *self.nominal.shape)
        return self.with_kept(draw.rng.uniform(low, high, size))

    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Take the best candidate; remember the runners-up."""
        order = ranked(rewards)
        self.arrays["nominal"] = knots[order[0]].copy()
        self.remember(knots, order[1:])
        self.weights = one_hot(len(rewards), int(order[0]))
