"""Groups whose size follows from a bound on the joint error (EB sampler, Ben-Hamu et al. 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.samplers.reveal import RevealSampler, View, entropy, take_best

if TYPE_CHECKING:
    from torch import Tensor


class EntropyBound(RevealSampler):
    """Positions of low entropy, as many as a bound on the error allows."""

    kind: Literal["entropy_bound"] = "entropy_bound"
    bound: Annotated[float, Field(ge=0)] = 0.5
    """Sum of the entropies of a group without its largest [nats]."""

    def choose(self, view: View) -> Tensor:
        h = entropy(view.log_x).where(view.masked, float("inf"))
        ordered = h.sort(dim=1).values
        # Sorted upwards, the largest of a prefix is its last element: the sum without it is the exclusive sum.
        finite = ordered.where(ordered.isfinite(), 0.0)
        error = finite.cumsum(1) - finite
        count = ((error <= self.bound) & ordered.isfinite()).sum(1).clamp_min(1)
        return take_best(-h, view.masked, count)
