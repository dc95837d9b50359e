"""Noise as a function of what it is for: seed, step, row and position, so that no cutting into batches changes it.

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") turns a counter into four words. Two of
them make one uniform variate of 53 bits, so a call serves two positions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from taskloom import derive_seed
from torch import Tensor

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10


def philox(counter: tuple[np.ndarray, ...], key: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return four words of 32 bits for every counter, held in uint64.

    Args:
        counter: Four arrays of words, broadcast against each other.
        key: Two words.
    """
    a, b, c, d = (part.astype(np.uint64) for part in np.broadcast_arrays(*counter))
    low, high = key
    for number in range(_ROUNDS):
        if number:
            low, high = (low + _WEYL[0]) & 0xFFFFFFFF, (high + _WEYL[1]) & 0xFFFFFFFF
        # The product of two words is kept whole: its halves go different ways.
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (second >> _HALF) ^ b ^ np.uint64(low),
            second & _WORD,
            (first >> _HALF) ^ d ^ np.uint64(high),
            first & _WORD,
        )
    return a, b, c, d


def uniforms(seed: int, step: int, rows: np.ndarray, width: int, block: int = 0) -> Tensor:
    """Return uniform variates (R, width) in [0, 1), float64; a longer row begins as a shorter one does.

    Args:
        seed: Key of the stream.
        step: Number of the step, or of the draw.
        rows: Numbers of the rows (R,).
        width: Positions.
        block: Number of the version, where a row has several.
    """
    calls = np.arange((width + 1) // 2)[None]
    counter = (calls, rows[:, None], np.array(step & 0xFFFFFFFF), np.array(block))
    a, b, c, d = philox(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    pairs = [_variate(a, b), _variate(c, d)]
    values = np.stack(pairs, axis=-1).reshape(len(rows), -1)[:, :width]
    return torch.from_numpy(np.ascontiguousarray(values))


def _variate(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    # 27 bits of one word and 26 of the other are the 53 that a double holds.
    upper, lower = (
        (high >> np.uint64(5)).astype(np.float64),
        (low >> np.uint64(6)).astype(np.float64),
    )
    return (upper * 67108864.0 + lower) / 9007199254740992.0


@dataclass(frozen=True)
class StepRows:
    """The place of a batch among the rows of an optimizer step, over micro-batches and processes.

    Attributes:
        seed: Root of the noise.
        step: Number of the step.
        first: Number of the batch's first row.
        total: Rows of the whole step.
    """

    seed: int
    step: int
    first: int
    total: int

    def from_row(self, number: int) -> StepRows:
        """Return the place of a batch's rows from one of them on."""
        return replace(self, first=self.first + number)

    def numbers(self, count: int) -> np.ndarray:
        """Return the numbers of the rows (R,)."""
        return np.arange(self.first, self.first + count)

    def noise(self, count: int, width: int, versions: int) -> Tensor:
        """Return variates (versions * count, width): all rows of one version, then of the next."""
        return self.noise_of("noise", count, width, versions)

    def noise_of(self, purpose: str, count: int, width: int, versions: int) -> Tensor:
        """Return variates of another purpose, in the same order of rows."""
        key, rows = derive_seed(self.seed, purpose), self.numbers(count)
        return torch.cat([uniforms(key, self.step, rows, width, n) for n in range(versions)])

    def generator(self) -> torch.Generator:
        """Return the stream of the step's levels, the same for every batch of it."""
        return torch.Generator().manual_seed(derive_seed(self.seed, "levels", self.step))
