"""Randomness of samplers: a function of seed, row, draw and position, so that a sample does not depend on its batch.

Any program can compute it again, which is how an exported model draws the same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from taskloom_diffusion.model.step_noise import uniforms


class NoiseSource(Protocol):
    """A source of uniform variates."""

    def uniform(self) -> Tensor:
        """Return fresh variates (B, L) in [0, 1), float64."""
        ...

    def of_block(self, number: int, span: slice) -> NoiseSource:
        """Return a source for some positions alone, which does not depend on how much was drawn from this one."""
        ...


class RowNoise:
    """Philox at (position, row, number of the draw, block): a row gets the same beside any others.

    Args:
        seed: Key of the stream.
        rows: Numbers of the rows (B,).
        width: Length of the padded batch.
        block: Number of the block, from 1; 0 is the whole sequence.
    """

    def __init__(self, seed: int, rows: Sequence[int], width: int, block: int = 0) -> None:
        self.seed = seed
        self.rows = np.asarray(rows, dtype=np.int64)
        self.width = width
        self.block = block
        self.drawn = 0

    def uniform(self) -> Tensor:
        # The number of the draw is a part of the counter: what is drawn in another order is drawn anew.
        self.drawn += 1
        return uniforms(self.seed, self.drawn - 1, self.rows, self.width, self.block)

    def of_block(self, number: int, span: slice) -> RowNoise:
        width = len(range(*span.indices(self.width)))
        return RowNoise(self.seed, self.rows.tolist(), width, number + 1)
