"""A uniform sample of a stream in bounded memory, which does not depend on the order of the stream or on how it was sharded.

Every row gets a pseudo-random key from its own bytes, and the rows with the smallest keys are kept ("bottom-k" sampling). Two
reservoirs merge by keeping the smallest keys of both. As long as no more rows than the capacity were seen, all of them are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt64


class Reservoir(NamedTuple):
    """The kept rows, sorted by key.

    Attributes:
        capacity: Most rows kept, shape ().
        seed: Seed of the keys, shape ().
        seen: Rows that went by, shape ().
        keys: uint64 keys, rising, shape (r,).
        rows: The rows, shape (r, d).
        classes: A class for each row, shape (r,).
    """

    capacity: np.ndarray
    seed: np.ndarray
    seen: np.ndarray
    keys: np.ndarray
    rows: np.ndarray
    classes: np.ndarray


def empty(capacity: int, width: int, seed: int) -> Reservoir:
    """Return a reservoir of no rows."""
    return Reservoir(
        np.asarray(capacity),
        np.asarray(seed),
        np.asarray(0),
        np.zeros(0, dtype=np.uint64),
        np.zeros((0, width), dtype=np.float32),
        np.zeros(0, dtype=np.int64),
    )


def add(
    reservoir: Reservoir, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
) -> Reservoir:
    """Return the reservoir after further rows."""
    keys = row_keys(rows, int(reservoir.seed))
    seen = reservoir.seen + len(rows)
    if len(reservoir.keys) == int(reservoir.capacity):
        # Once it is full, most rows can be turned away before anything is copied.
        low = keys < reservoir.keys[-1]
        if not low.any():
            return reservoir._replace(seen=seen)
        keys, rows, classes = keys[low], rows[low], classes[low]
    return _smallest(
        reservoir._replace(
            seen=seen,
            keys=np.concatenate([reservoir.keys, keys]),
            rows=_joined(reservoir.rows, rows),
            classes=np.concatenate([reservoir.classes, classes]),
        )
    )


def merge(a: Reservoir, b: Reservoir) -> Reservoir:
    """Return the reservoir of both streams."""
    return _smallest(
        a._replace(
            seen=a.seen + b.seen,
            keys=np.concatenate([a.keys, b.keys]),
            rows=_joined(a.rows, b.rows),
            classes=np.concatenate([a.classes, b.classes]),
        )
    )


def _joined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # An empty reservoir does not know the rows' precision yet and must not impose its own.
    return np.concatenate([a, b]) if len(a) and len(b) else (a if len(a) else b)


def _smallest(reservoir: Reservoir) -> Reservoir:
    order = np.lexsort((reservoir.classes, reservoir.keys))[: int(reservoir.capacity)]
    return reservoir._replace(
        keys=reservoir.keys[order], rows=reservoir.rows[order], classes=reservoir.classes[order]
    )


def row_keys(rows: Float[np.ndarray, "n d"], seed: int) -> UInt64[np.ndarray, " n"]:
    """Return a pseudo-random 64-bit key of each row's bytes: a multilinear hash, then the finaliser of splitmix64."""
    words = np.ascontiguousarray(rows).view(np.uint32).reshape(len(rows), -1)
    generator = np.random.Generator(np.random.PCG64(seed))
    factors = generator.integers(0, 1 << 64, words.shape[1], dtype=np.uint64) | np.uint64(1)
    with np.errstate(over="ignore"):
        # The low half of a product ignores the high bits of its factors; adding the high half back mixes them in.
        products = words.astype(np.uint64) * factors
        key = (products ^ (products >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            key = (key ^ (key >> np.uint64(shift))) * np.uint64(factor)
    return key ^ (key >> np.uint64(31))
