"""Sequences cut into blocks, which are noised one by one and generated from left to right (BD3-LM, Arriola et al. 2025).

The negative log-likelihood is at most the sum over blocks of the bound of each, given the clean blocks before it:
-log p(x) <= sum_b NELBO(x_b | x_1, ..., x_(b-1)). With blocks of one token that is the chain rule; with one block it is the
bound of the whole sequence. So a block is to losses, levels and processes what elsewhere a sequence is: a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from taskloom_diffusion.model.protocols import DenoisingNetwork


def as_blocks(x: Tensor, size: int, dim: int = 1) -> Tensor:
    """Return a dimension of whole blocks as two: blocks, and positions inside of them."""
    shape, dim = x.shape, dim % x.ndim
    return x.reshape(*shape[:dim], shape[dim] // size, size, *shape[dim + 1 :])


def padded_to_blocks(x: Tensor, size: int) -> Tensor:
    """Return (B, L) with zeros on the right, up to whole blocks."""
    return functional.pad(x, (0, -x.shape[1] % size))


@dataclass(frozen=True)
class Cut:
    """Cutting of a batch of sequences into rows of blocks; blocks of padding alone are left out.

    Attributes:
        size: Positions of a block S.
        length: Of the sequences L.
        kept: Which of the B x ceil(L / S) blocks are rows.
    """

    size: int
    length: int
    kept: Tensor

    @classmethod
    def of(cls, maskable: Tensor, size: int) -> Cut:
        """Return the cut of sequences with these positions (B, L)."""
        inside = as_blocks(padded_to_blocks(maskable, size), size).any(-1)
        return cls(size, maskable.shape[1], inside)

    @property
    def sequence(self) -> Tensor:
        """The sequence that each row is a part of (R,)."""
        return self.kept.nonzero()[:, 0]

    def apart(self, x: Tensor) -> Tensor:
        """Return rows (R, S, ...) of (B, L, ...), with zeros where the last block reaches beyond."""
        tail = [0, 0] * (x.ndim - 2)
        whole = functional.pad(x, (*tail, 0, -x.shape[1] % self.size))
        return as_blocks(whole, self.size)[self.kept]

    def together(self, rows: Tensor, around: Tensor) -> Tensor:
        """Return (B, L) from rows (R, S), with what `around` (B, L) has outside of them."""
        blocks = as_blocks(padded_to_blocks(around, self.size), self.size)
        blocks = blocks.masked_scatter(self.kept[..., None], rows)
        return blocks.flatten(1)[:, : self.length]


@dataclass(frozen=True)
class BlockContext:
    """Context from which a block is predicted, besides its own noised tokens.

    Attributes:
        clean: Clean tokens (B, L).
        maskable: Positions of the sequences (B, L).
        mask_id: The mask.
    """

    clean: Tensor
    maskable: Tensor
    mask_id: int

    def ask(self, denoiser: DenoisingNetwork, block: Tensor, first: int, noise: Tensor) -> Tensor:
        """Return logits (B, S, V) of a block from a network that knows nothing of blocks: what follows it is masked.

        Args:
            denoiser: The network.
            block: Noised tokens (B, S).
            first: Where the block begins.
            noise: Noise level 1 - alpha of the block (B,).
        """
        last = first + block.shape[1]
        after = torch.where(self.maskable[:, last:], self.mask_id, self.clean[:, last:])
        seen = torch.cat([self.clean[:, :first], block, after], dim=1)
        return denoiser(seen, noise, self.maskable)[:, first:last]


def predict_in_blocks(
    denoiser: DenoisingNetwork,
    z: Tensor,
    noise: Tensor,
    cut: Cut,
    context: BlockContext,
    *,
    wanted: Tensor | None = None,
) -> Tensor:
    """Return logits (n B, L, V) of every block, given the block noised and the clean ones before it.

    A network that reads blocks (`reads_blocks`, as `dit`) does all of them in one pass; any other is asked once per block.

    Args:
        denoiser: The network.
        z: Noised tokens (n B, L), one version of all B sequences after the other.
        noise: Noise level 1 - alpha of each row (R,).
        cut: How rows are cut from all versions.
        context: The clean tokens (B, L).
        wanted: Positions (n B, L) that will be looked at; None is all.
    """
    versions = len(z) // len(context.clean)
    if getattr(denoiser, "reads_blocks", False):
        reader: Any = denoiser
        logits: Tensor = reader.in_blocks(z, context.clean, context.maskable, cut.size, wanted)
        return logits
    if versions > 1:
        clean, inside = (part.repeat(versions, 1) for part in (context.clean, context.maskable))
        context = BlockContext(clean, inside, context.mask_id)
    # Blocks of padding are at no level; what is said of them is never read.
    levels = torch.full(cut.kept.shape, 0.5, dtype=noise.dtype, device=noise.device)
    levels[cut.kept] = noise
    starts = range(0, cut.length, cut.size)
    answers = [
        context.ask(denoiser, z[:, first : first + cut.size], first, levels[:, number])
        for number, first in enumerate(starts)
    ]
    return torch.cat(answers, dim=1)
