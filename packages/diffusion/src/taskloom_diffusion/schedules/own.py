"""Schedules that are written where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.model.own import OwnPart
from taskloom_diffusion.schedules.base import Schedule

if TYPE_CHECKING:
    from torch import Tensor


class OwnSchedule(OwnPart, Schedule):
    """Schedule of your own, given as an object."""

    kind: Literal["object"] = "object"

    def alpha(self, t: Tensor) -> Tensor:
        signal: Tensor = self.part.alpha(t)
        return signal

    def dalpha(self, t: Tensor) -> Tensor:
        slope: Tensor = self.part.dalpha(t)
        return slope
