"""Random positions, several at a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from taskloom_diffusion.samplers.base import Calls
from taskloom_diffusion.samplers.reveal import RevealSampler, View, quota, take_best

if TYPE_CHECKING:
    from torch import Tensor


class RandomGroups(RevealSampler):
    """Several random positions for each call."""

    foresees: ClassVar[bool] = True
    kind: Literal["random"] = "random"
    num_calls: Calls = 16
    """Network calls; 0 is one per position."""
    buckets: Literal["equal", "independent"] = "equal"
    """Groups of equal size, or each position's call drawn on its own: the law of the chain with that many equal steps."""

    @model_validator(mode="after")
    def _buckets_need_calls(self) -> RandomGroups:
        if self.buckets == "independent" and self.num_calls == 0:
            raise ValueError("buckets = 'independent' needs num_calls >= 1")
        return self

    def choose(self, view: View) -> Tensor:
        if self.buckets == "independent":
            # From the lots and not from fresh noise: a position keeps the call that it was given at the start.
            return (view.lots * self.num_calls).long() == view.step
        return take_best(view.noise, view.masked, quota(view, self.num_calls))
