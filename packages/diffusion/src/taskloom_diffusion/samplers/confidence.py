"""The positions that the model is surest of first, by three measures of sureness.

None has the model's own law: what is easy is drawn before what it should depend on. Samples are better for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.samplers.base import Calls
from taskloom_diffusion.samplers.draws import gumbel
from taskloom_diffusion.samplers.reveal import (
    RevealSampler,
    View,
    confidence,
    entropy,
    quota,
    take_best,
)

if TYPE_CHECKING:
    from torch import Tensor


class Confidence(RevealSampler):
    """Likeliest drawn tokens first.

    MaskGIT (Chang et al. 2022) and GenMol (Lee et al. 2025) sample so.
    """

    kind: Literal["confidence"] = "confidence"
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.8
    """Temperature of token draws; 1 is the model's own law, 0 takes the likeliest token."""
    num_calls: Calls = 0
    """Network calls; 0 is one per position."""
    randomness: Annotated[float, Field(ge=0, le=100)] = 0.5
    """Gumbel noise on the log-confidence, falling to 0 over the calls. Confidence is the untempered probability."""

    def choose(self, view: View) -> Tensor:
        score = confidence(view)
        if self.randomness:
            calls = view.initial * 0 + self.num_calls if self.num_calls else view.initial
            # Without noise the first positions would be much the same in every sample.
            cooling = (1 - view.step / calls.clamp_min(1)).clamp_min(0)[:, None]
            score = score + self.randomness * cooling * gumbel(view.noise)
        return take_best(score, view.masked, quota(view, self.num_calls))


class Margin(RevealSampler):
    """Positions first where the best token leads the second by most.

    Top-probability margin (Kim et al. 2025).
    """

    kind: Literal["margin"] = "margin"
    num_calls: Calls = 0
    """Network calls; 0 is one per position."""

    def choose(self, view: View) -> Tensor:
        best = view.log_x.exp().topk(2, dim=-1).values
        score = best[..., 0] - best[..., 1]
        return take_best(score, view.masked, quota(view, self.num_calls))


class LowEntropy(RevealSampler):
    """Positions of lowest entropy first."""

    kind: Literal["entropy"] = "entropy"
    num_calls: Calls = 0
    """Network calls; 0 is one per position."""

    def choose(self, view: View) -> Tensor:
        return take_best(-entropy(view.log_x), view.masked, quota(view, self.num_calls))
