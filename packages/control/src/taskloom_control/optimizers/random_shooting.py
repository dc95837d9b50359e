"""Random shooting.

The plan of before is one of the candidates, so a plan is never exchanged for a worse one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from taskloom import Config

from taskloom_control.optimizers.base import SamplingOptimizer

if TYPE_CHECKING:
    from taskloom_control.optimizers.knots import Candidates, Draw, KnotState, Rewards


class RandomShooting(SamplingOptimizer):
    """Random shooting over the control range.

    The candidates are uniform; the best one, or the plan of before, becomes the plan.
    """

    needs_range: ClassVar[bool] = True
    kind: Literal["shooting"] = "shooting"

    def check(self, config: Config) -> str:
        """Return why it cannot work: its draws are uniform, so there is no noise to ramp or to scale."""
        if self.noise_ramp > 0 or self.finest < 1:
            name = "noise_ramp" if self.noise_ramp > 0 else "finest"
            return f"the optimizer 'shooting' draws uniformly and has no use for optimizer.{name}; leave it out"
        return super().check(config)

    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return the nominal plan, the memory, and uniform candidates."""
        size = (self.num_rollouts, *state.nominal.shape)
        return state.with_kept(draw.rng.uniform(draw.low, draw.high, size))

    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Take the best candidate; remember the runners-up."""
        state.take_best(knots, rewards, self.keep)
