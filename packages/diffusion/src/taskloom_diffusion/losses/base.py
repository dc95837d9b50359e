"""Base of the training losses, and the noised batch that they are functions of."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.model.part import DiffusionPart

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.model.protocols import NoisingProcess
    from taskloom_diffusion.time_samplers.base import Levels


@dataclass(frozen=True)
class Corrupted:
    """A noised batch with the answer of the network.

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
        # Rows are in the order of their sequences, so the last one has the highest number.
        sums = values.new_zeros(int(self.sequence[-1]) + 1)
        return sums.index_add(0, self.sequence, values)

    def bound(self) -> Tensor:
        """Return each row's unbiased estimate of the continuous-time bound (B,) [nats]."""
        x, z = self.without_padding()
        terms = self.process.integrand(self.log_x_theta, x, z, self.levels.alpha)
        return self.levels.flow * (terms * self.maskable).sum(1)

    def without_padding(self) -> tuple[Tensor, Tensor]:
        """Return x and z with padding replaced by a real token: a process has no law for padding, only a 0/0."""
        token = self.process.vocabulary.allowed.index(True)
        outside = ~self.maskable
        return self.x.masked_fill(outside, token), self.z.masked_fill(outside, token)

    def surprise(self) -> Tensor:
        """Return -log x_theta(x) on noised positions, 0 elsewhere (B, L) [nats]."""
        target = self.log_x_theta.gather(-1, self.x[..., None])[..., 0]
        mask = self.process.vocabulary.mask_id
        changed = self.z == mask if self.process.absorbing else self.z != self.x
        # Filled in, not multiplied: carried-over tokens have log x_theta = 0, others at padding -inf, and 0 * inf is a NaN.
        return -target.masked_fill(~(self.maskable & changed), 0.0)


class Loss(DiffusionPart):
    """A training objective."""

    noised_only: ClassVar[bool] = False
    """True where predictions at visible positions never enter; the network is then spared part of its work there."""

    @abstractmethod
    def per_row(self, batch: Corrupted) -> Tensor:
        """Return the loss of each row (B,), summed over its tokens [nats]; training divides by the number of tokens."""


# Before 0.2 all losses stood here.
__getattr__ = old_names(__name__)
