"""Random shooting.

The plan of before is one of the candidates, so a plan is never exchanged for a worse one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from taskloom_control.optimizers.base import SamplingOptimizer

if TYPE_CHECKING:
    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards

# Half width of the draw for an actuator without limits, in the normalizer's units.
_UNLIMITED = 3.0


class RandomShooting(SamplingOptimizer):
    """Random shooting over the control range.

    The candidates are uniform; the best one, or the plan of before, becomes the plan.
    """

    kind: Literal["shooting"] = "shooting"

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the nominal plan, the memory, and uniform candidates."""
        low = np.where(np.isfinite(draw.low), draw.low, -_UNLIMITED)
        high = np.where(np.isfinite(draw.high), draw.high, _UNLIMITED)
        size = (self.num_rollouts, *state.nominal.shape)
        return state.with_kept(draw.rng.uniform(low, high, size))

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Take the best candidate; remember the runners-up."""
        state.take_best(knots, rewards, self.keep)
