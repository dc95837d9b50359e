"""Where a sampler's randomness comes from: one stream per row, so that a sample does not depend on its batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from taskloom import derive_seed
from torch import Tensor


class Noise(Protocol):
    """Gives uniform variates."""

    def uniform(self) -> Tensor:
        """Return fresh variates (B, L) in [0, 1), float64."""
        ...

    def of_block(self, number: int, span: slice) -> Noise:
        """Return a source for some positions alone, which does not depend on how much was drawn from this one."""
        ...


class BatchNoise:
    """One stream for a whole batch: the fastest, but a row's values depend on the batch's shape."""

    def __init__(self, rows: int, length: int, seed: int) -> None:
        self.shape = (rows, length)
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self) -> Tensor:
        return torch.rand(self.shape, generator=self.generator, dtype=torch.float64)

    def of_block(self, number: int, span: slice) -> BatchNoise:
        rows, length = self.shape
        width = len(range(*span.indices(length)))
        return BatchNoise(rows, width, derive_seed(self.seed, "block", number))


class RowNoise:
    """A stream per row that serves only the row's own length.

    Args:
        seeds: A seed per row.
        lengths: The rows' lengths.
        width: Length of the padded batch.
    """

    block = 16  # draws fetched at once; the values do not depend on it, only the overhead does

    def __init__(self, seeds: Sequence[int], lengths: Sequence[int], width: int) -> None:
        self.seeds = list(seeds)
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.lengths = list(lengths)
        self.buffer = torch.zeros(self.block, len(seeds), width, dtype=torch.float64)
        self.used = self.block

    def uniform(self) -> Tensor:
        if self.used == self.block:
            for row, (generator, length) in enumerate(
                zip(self.generators, self.lengths, strict=True)
            ):
                self.buffer[:, row, :length] = torch.rand(
                    (self.block, length), generator=generator, dtype=torch.float64
                )
            self.used = 0
        self.used += 1
        return self.buffer[self.used - 1].clone()

    def of_block(self, number: int, span: slice) -> RowNoise:
        seeds = [derive_seed(seed, "block", number) for seed in self.seeds]
        lengths = [len(range(*span.indices(length))) for length in self.lengths]
        width = len(range(*span.indices(self.buffer.shape[-1])))
        return RowNoise(seeds, lengths, width)


def draw_categorical(probabilities: Tensor, noise: Tensor) -> Tensor:
    """Draw tokens (B, L) by inverting the cumulative law in float64; Gumbel noise in fp32 would cut the tail.

    Args:
        probabilities: (B, L, V), float64, not necessarily normalised.
        noise: Uniform variates (B, L) in [0, 1).
    """
    cumulative = probabilities.double().cumsum(-1)
    below = cumulative <= noise[..., None] * cumulative[..., -1:]
    return below.sum(-1).clamp_max(probabilities.shape[-1] - 1)


def gumbel(noise: Tensor) -> Tensor:
    """Return standard Gumbel variates from uniform ones, float64."""
    return -(-(noise.clamp_min(1e-300)).log()).log()
