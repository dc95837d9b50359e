"""Randomness of samplers: one stream for each row, so that a sample does not depend on its batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from taskloom import derive_seed
from torch import Tensor


class NoiseSource(Protocol):
    """A source of uniform variates."""

    def uniform(self) -> Tensor:
        """Return fresh variates (B, L) in [0, 1), float64."""
        ...

    def of_block(self, number: int, span: slice) -> NoiseSource:
        """Return a source for some positions alone, which does not depend on how much was drawn from this one."""
        ...


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
            # A row draws its own length and no more: what it gets depends on nothing but its seed and its length.
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
