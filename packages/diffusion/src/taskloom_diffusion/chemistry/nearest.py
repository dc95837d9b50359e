"""Likeness of fingerprints: the nearest neighbour of each molecule in a set, exactly.

A molecule has some forty bits of a thousand. So what it shares with every other one is a sum of forty columns, and at an equal number
of bits the likeness grows with what is shared: the best of each number is found first, and only these are divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Neighbours:
    """Fingerprints to look for neighbours in.

    Args:
        bits: Fingerprints (M, B) of zeros and ones, M at least 1.
    """

    def __init__(self, bits: np.ndarray) -> None:
        counts = bits.sum(axis=1, dtype=np.int64)
        self.order = np.argsort(counts, kind="stable")
        self._levels, self._starts = np.unique(counts[self.order], return_index=True)
        self._columns = np.ascontiguousarray(bits[self.order].T.astype(np.uint8))
        # A sum of columns is at most the number of a molecule's bits, which a byte may not hold.
        self._room = np.uint8 if self._levels[-1] < 256 else np.uint16

    def nearest(self, bits: np.ndarray, without: np.ndarray | None = None) -> np.ndarray:
        """Return the largest Tanimoto similarity (N,) of each fingerprint (N, B) to any in the set, as float64.

        Two fingerprints without a bit are alike.

        Args:
            bits: Fingerprints to look for.
            without: Positions (N,) in the set that are not looked at, each molecule's own; nothing shared with them counts.
        """
        shared = np.zeros(self._columns.shape[1], dtype=self._room)
        found = np.empty(len(bits))
        place = None if without is None else np.argsort(self.order)[without]
        for row, one in enumerate(bits):
            on = np.flatnonzero(one)
            shared[:] = 0
            for column in on:
                np.add(shared, self._columns[column], out=shared)
            if place is not None:
                shared[place[row]] = 0
            most = np.maximum.reduceat(shared, self._starts).astype(np.float64)
            either = len(on) + self._levels - most
            found[row] = np.where(either > 0, most / np.maximum(either, 1), 1.0).max()
        return found


def fingerprint_bits(molecules: Sequence[Any], size: int = 1024) -> np.ndarray:
    """Return Morgan fingerprints (N, size) of radius 2, without chirality, as uint8 zeros and ones."""
    from rdkit.Chem import rdFingerprintGenerator  # RDKit is heavy

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=size)
    found = np.empty((len(molecules), size), dtype=np.uint8)
    for row, molecule in enumerate(molecules):
        found[row] = generator.GetFingerprintAsNumPy(molecule)
    return found
