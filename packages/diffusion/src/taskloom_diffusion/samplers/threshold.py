"""Every position that is likely enough (Fast-dLLM, Wu et al. 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.samplers.reveal import RevealSampler, View, confidence, take_best

if TYPE_CHECKING:
    from torch import Tensor


class Threshold(RevealSampler):
    """Every drawn token that is likelier than a threshold, at least one."""

    kind: Literal["threshold"] = "threshold"
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Probability above which a token is accepted."""

    def choose(self, view: View) -> Tensor:
        score = confidence(view)
        # Without the likeliest one the loop would not end where the model is sure of nothing.
        best = take_best(score, view.masked, view.initial.clamp(1, 1))
        return view.masked & ((score.exp() > self.threshold) | best)
