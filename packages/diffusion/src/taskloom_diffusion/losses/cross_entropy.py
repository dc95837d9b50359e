"""Cross-entropies: proxies of the bound, with other weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from taskloom_diffusion.losses.base import Corrupted, Loss

if TYPE_CHECKING:
    from torch import Tensor


class CrossEntropy(Loss):
    """Cross-entropy of noised tokens, weighted by a power of the mask rate.

    With power 0 it is the loss of a masked language model.
    """

    noised_only: ClassVar[bool] = True
    kind: Literal["cross_entropy"] = "cross_entropy"
    power: Annotated[float, Field(ge=-1, le=4)] = 0.0
    """Weight (1 - alpha)^power; -1 is the bound itself where levels are uniform in the mask rate, as `uniform` and
    `low_discrepancy` are on a linear schedule."""

    def per_row(self, batch: Corrupted) -> Tensor:
        weight = (1 - batch.levels.alpha) ** self.power
        return weight * batch.surprise().sum(1)


class PolydiffLoss(Loss):
    """PolyDiff's loss, for comparison only.

    Mean cross-entropy over all positions, visible ones and padding included.
    """

    kind: Literal["polydiff"] = "polydiff"

    def per_row(self, batch: Corrupted) -> Tensor:
        log_p = batch.logits.float().log_softmax(-1).gather(-1, batch.x[..., None])[..., 0]
        # Training divides by the real tokens; PolyDiff divided by all positions of the rectangle.
        return -log_p.sum(1) * (batch.maskable.sum() / batch.maskable.numel())
