"""Lengths of gaps behind what is fixed: how many tokens training sequences had there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Fixed tokens that are counted together, and how many counts the wider law weighs as.
_BIN, _PRIOR = 4, 5.0


@dataclass(frozen=True)
class GapCounts:
    """Beginnings of training sequences that end at a fragment's end.

    Attributes:
        table: Links that are open there, tokens before it, tokens behind it, and how often (R, 4), int64.
    """

    table: np.ndarray

    def law(self, num_open: int, num_fixed: int, longest: int) -> np.ndarray:
        """Return p(n) for n = 0 .. longest (longest + 1,): counts at like beginnings, smoothed by those at less like ones.

        Args:
            num_open: Links that are open.
            num_fixed: Tokens that are fixed.
            longest: Largest n.
        """
        links, fixed = self.table[:, 0] == num_open, self.table[:, 1] // _BIN == num_fixed // _BIN
        law = np.ones(longest + 1)
        # From the widest to the narrowest: each is the prior of the next.
        for chosen in (np.ones_like(links), links, links & fixed):
            counts = self._counts(chosen, longest)
            law = (counts + _PRIOR * law / law.sum()) / (counts.sum() + _PRIOR)
        normalised: np.ndarray = law / law.sum()
        return normalised

    def open_links(self, num_fixed: int, most: int) -> np.ndarray:
        """Return p(m) of the number of open links for m = 1 .. most (most,), at beginnings of about as many tokens."""
        near = self.table[:, 1] // _BIN == num_fixed // _BIN
        weights = np.zeros(most + 2)
        for chosen, share in ((np.ones_like(near), 1e-3), (near, 1.0)):
            part = self.table[chosen]
            inside = (part[:, 0] >= 1) & (part[:, 0] <= most)
            np.add.at(weights, part[inside, 0], share * part[inside, 3])
        law = weights[1 : most + 1]
        return law / law.sum() if law.sum() else np.full(most, 1 / most)

    def _counts(self, chosen: np.ndarray, longest: int) -> np.ndarray:
        part = self.table[chosen]
        part = part[part[:, 2] <= longest]
        return np.bincount(part[:, 2], weights=part[:, 3], minlength=longest + 1)


@dataclass(frozen=True)
class TrainingFragments:
    """Fragments of training sequences.

    Attributes:
        gaps: Lengths behind beginnings of them.
        pieces: Fragments with links numbered alone, and how often each came; the most frequent ones.
        start: Training molecules of the smallest ranks.
    """

    gaps: GapCounts
    pieces: Mapping[str, int]
    start: tuple[str, ...] = ()
