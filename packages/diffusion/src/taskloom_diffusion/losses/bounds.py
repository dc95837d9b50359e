"""Bounds on the negative log-likelihood, in continuous time and in steps, alone or with an auxiliary term."""

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
        return batch.bound() + self.share * batch.surprise().sum(1)
