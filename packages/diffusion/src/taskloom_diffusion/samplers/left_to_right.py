"""Positions in the order of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from taskloom_diffusion.samplers.base import Calls
from taskloom_diffusion.samplers.reveal import RevealSampler, View, quota, take_best

if TYPE_CHECKING:
    from torch import Tensor


class LeftToRight(RevealSampler):
    """Positions from left to right, several for each call."""

    foresees: ClassVar[bool] = True
    kind: Literal["left_to_right"] = "left_to_right"
    num_calls: Calls = 0
    """Network calls; 0 is one per position."""

    def choose(self, view: View) -> Tensor:
        # Equal scores: ties go to the left.
        return take_best(view.noise * 0, view.masked, quota(view, self.num_calls))
