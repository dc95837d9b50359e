"""Training losses: what a loss is, and the built-in ones. A loss is its own implementation and imports nothing heavy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, model_validator
from taskloom import Component
from taskloom.errors import PluginError
from taskloom.registry import component_refs, did_you_mean, load_target

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.model.protocols import NoisingProcess
    from taskloom_diffusion.time_samplers.draws import Levels


FUNCTIONS = "taskloom_diffusion.loss_functions"
"""The entry-point group of loss functions."""


@dataclass(frozen=True)
class Corrupted:
    """A noised batch with what the network said about it.

    Attributes:
        x: Clean tokens (B, L).
        z: Noised tokens (B, L).
        maskable: Positions that belong to the sequence (B, L).
        logits: Network output (B, L, V).
        log_x_theta: The prediction (B, L, V) that `read_logits` makes of it.
        levels: Noise levels of the rows.
        process: The noising process.
        sequence: Where rows are blocks of sequences, the sequence (B,) that each is a part of; None if rows are sequences.
    """

    x: Tensor
    z: Tensor
    maskable: Tensor
    logits: Tensor
    log_x_theta: Tensor
    levels: Levels
    process: NoisingProcess
    sequence: Tensor | None = None

    def by_sequence(self, values: Tensor) -> Tensor:
        """Return the sum of a row's values (B,) over the rows of each sequence."""
        if self.sequence is None:
            return values
        sums = values.new_zeros(int(self.sequence[-1]) + 1)
        return sums.index_add(0, self.sequence, values)

    def bound(self) -> Tensor:
        """Return each row's unbiased estimate of the continuous-time bound (B,) [nats]."""
        levels = self.levels
        x, z = self.without_padding()
        terms = self.process.integrand(self.log_x_theta, x, z, levels.alpha)
        return levels.flow * (terms * self.maskable).sum(1)

    def without_padding(self) -> tuple[Tensor, Tensor]:
        """Return x and z with padding replaced by a real token: a process has no law for padding, only a 0/0."""
        token = self.process.vocabulary.allowed.index(True)
        outside = ~self.maskable
        return self.x.masked_fill(outside, token), self.z.masked_fill(outside, token)

    def surprise(self) -> Tensor:
        """Return -log x_theta(x) on noised positions, 0 elsewhere (B, L) [nats]."""
        target = self.log_x_theta.gather(-1, self.x[..., None])[..., 0]
        noised = self.maskable & (self.z != self.x if not self.process.absorbs else self._masked())
        return -target.masked_fill(~noised, 0.0)

    def _masked(self) -> Tensor:
        return self.z == self.process.vocabulary.mask_id


class Loss(Component):
    """A training objective."""

    noised_only: ClassVar[bool] = False
    """Whether predictions at visible positions never enter; the network is then spared part of its work there."""

    @abstractmethod
    def per_row(self, batch: Corrupted) -> Tensor:
        """Return the loss of each row (B,), summed over its tokens [nats]; training divides by the number of tokens."""


class Nelbo(Loss):
    """The continuous-time bound on the negative log-likelihood."""

    noised_only: ClassVar[bool] = True
    kind: Literal["nelbo"] = "nelbo"

    def per_row(self, batch: Corrupted) -> Tensor:
        return batch.bound()


class StepBound(Loss):
    """The bound of the chain with T equal steps of time (Austin et al. 2021): T times one step's divergence."""

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


class CrossEntropy(Loss):
    """Cross-entropy of noised tokens, weighted by the mask rate to a power: a masked language model's loss."""

    noised_only: ClassVar[bool] = True
    kind: Literal["cross_entropy"] = "cross_entropy"
    power: Annotated[float, Field(ge=-1, le=4)] = 0.0
    """Weight (1 - alpha)^power; -1 is the bound itself where levels are uniform in the mask rate, as `uniform` and
    `low_discrepancy` are on a linear schedule."""

    def per_row(self, batch: Corrupted) -> Tensor:
        weight = (1 - batch.levels.alpha) ** self.power
        return weight * batch.surprise().sum(1)


class Hybrid(Loss):
    """The bound plus a share of the unweighted cross-entropy (D3PM's auxiliary term)."""

    noised_only: ClassVar[bool] = True
    kind: Literal["hybrid"] = "hybrid"
    share: Annotated[float, Field(ge=0, le=10)] = 0.01
    """Factor of the cross-entropy."""

    def per_row(self, batch: Corrupted) -> Tensor:
        return batch.bound() + self.share * batch.surprise().sum(1)


class Polydiff(Loss):
    """PolyDiff's loss, for comparison only: mean cross-entropy over all positions, visible ones and padding included."""

    kind: Literal["polydiff"] = "polydiff"

    def per_row(self, batch: Corrupted) -> Tensor:
        log_p = batch.logits.float().log_softmax(-1).gather(-1, batch.x[..., None])[..., 0]
        # Training divides by the real tokens; PolyDiff divided by all positions of the rectangle.
        return -log_p.sum(1) * (batch.maskable.sum() / batch.maskable.numel())


class Function(Loss):
    """Any callable that a plugin registered: `(batch: Corrupted) -> Tensor` of one loss per row."""

    kind: Literal["function"] = "function"
    name: str
    """Its entry point in the group `taskloom_diffusion.loss_functions`."""

    @model_validator(mode="after")
    def _is_registered(self) -> Function:
        registered = [ref.name for ref in component_refs(FUNCTIONS)]
        if self.name not in registered:
            close = did_you_mean(self.name, registered)
            raise ValueError(
                f"no plugin registers '{self.name}' under '{FUNCTIONS}'; registered: {', '.join(registered) or 'none'}"
                + (f"; {close}" if close else "")
            )
        return self

    def per_row(self, batch: Corrupted) -> Tensor:
        losses: Tensor = _function(self.name)(batch)
        if losses.shape != batch.x.shape[:1]:
            raise PluginError(
                f"loss function '{self.name}' must return one loss per row, {tuple(batch.x.shape[:1])}, not {tuple(losses.shape)}"
            )
        return losses


@cache
def _function(name: str) -> Callable[[Corrupted], Tensor]:
    (ref,) = [ref for ref in component_refs(FUNCTIONS) if ref.name == name]
    found: Any = load_target(ref.target, what=f"loss function '{name}'")
    if not callable(found):
        raise PluginError(f"loss function '{name}' cannot be used: '{ref.target}' is not callable")
    return cast("Callable[[Corrupted], Tensor]", found)
