"""Losses that are written where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.losses.base import Corrupted, Loss
from taskloom_diffusion.model.own import OwnPart

if TYPE_CHECKING:
    from torch import Tensor


class OwnLoss(OwnPart, Loss):
    """Loss of your own, given as an object."""

    kind: Literal["object"] = "object"

    def per_row(self, batch: Corrupted) -> Tensor:
        losses: Tensor = self.part.per_row(batch)
        return losses
