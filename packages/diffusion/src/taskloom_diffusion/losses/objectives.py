"""Bounds on the negative log-likelihood, in continuous time and in steps, and cross-entropies that stand in for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from taskloom_diffusion.losses.base import Corrupted, Loss

if TYPE_CHECKING:
    from torch import Tensor


class NELBO(Loss):
    """Continuous-time bound on the negative log-likelihood."""

    noised_only: ClassVar[bool] = True
    kind: Literal["nelbo"] = "nelbo"

    def per_row(self, batch: Corrupted) -> Tensor:
        return batch.bound()


class StepBound(Loss):
    """Bound of a chain of T equal steps.

    T times the divergence of one step drawn at random (Austin et al. 2021).
    """

    noised_only: ClassVar[bool] = True
    kind: Literal["step_bound"] = "step_bound"
    num_steps: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Steps T."""

    def per_row(self, batch: Corrupted) -> Tensor:
        levels = batch.levels
        earlier = levels.previous_alpha
        if earlier is None:
            raise ValueError("loss 'step_bound' needs levels on the grid of its own steps")
        # T times the mean over the steps is their sum, of which levels on the grid are one term each.
        x, z = batch.without_padding()
        terms = batch.process.step_divergence(batch.log_x_theta, x, z, earlier, levels.alpha)
        return self.num_steps * (terms * batch.maskable).sum(1)


class Hybrid(Loss):
    """Bound plus a share of unweighted cross-entropy.

    The auxiliary term of D3PM (Austin et al. 2021).
    """

    noised_only: ClassVar[bool] = True
    kind: Literal["hybrid"] = "hybrid"
    share: Annotated[float, Field(ge=0, le=10)] = 0.01
    """Factor of the cross-entropy."""

    def per_row(self, batch: Corrupted) -> Tensor:
        # Unweighted, so that levels at which the bound weighs little are learnt as well.
        return batch.bound() + self.share * batch.surprise().sum(1)


class CrossEntropy(Loss):
    """Cross-entropy of noised tokens, weighted by mask rate.

    The weight is a power of the rate; with power 0 it is the loss of a masked language model.
    """

    noised_only: ClassVar[bool] = True
    kind: Literal["cross_entropy"] = "cross_entropy"
    power: Annotated[float, Field(ge=-1, le=4)] = 0.0
    """Weight (1 - alpha)^power; -1 is the bound itself where levels are uniform in the mask rate, as `uniform` and
    `low_discrepancy` are on a linear schedule."""

    def per_row(self, batch: Corrupted) -> Tensor:
        # Under uniform mask rates the bound weighs by 1 / (1 - alpha), whose variance is that of the few nearly clean rows.
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
