"""A uniform sample of a stream in bounded memory, which does not depend on the order of the stream or on how it was sharded.

Every row gets a pseudo-random key from its own bytes, and the rows with the smallest keys are kept ("bottom-k" sampling). Two
reservoirs merge by keeping the smallest keys of both. As long as no more rows than the capacity were seen, all of them are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt64

# Rows copied, or hashed, at a time: temporaries stay small however large a batch is.
_CHUNK = 256


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
    further = reservoir._replace(keys=keys, rows=rows, classes=classes)
    return _smallest(reservoir, further)._replace(seen=seen)


def merge(a: Reservoir, b: Reservoir) -> Reservoir:
    """Return the reservoir of both streams."""
    return _smallest(a, b)._replace(seen=a.seen + b.seen)


def _smallest(a: Reservoir, b: Reservoir) -> Reservoir:
    """Return the rows of both with the smallest keys, each copied once."""
    keys, classes = np.concatenate([a.keys, b.keys]), np.concatenate([a.classes, b.classes])
    order = np.lexsort((classes, keys))[: int(a.capacity)]
    # An empty reservoir does not know the rows' precision or width yet and must not impose its own.
    parts = [part.rows for part in (a, b) if len(part.rows)] or [a.rows]
    rows = np.empty((len(order), parts[0].shape[1]), np.result_type(*parts))
    for start in range(0, len(order), _CHUNK):
        chosen, target = order[start : start + _CHUNK], rows[start : start + _CHUNK]
        old = chosen < len(a.rows)
        if old.any():
            target[old] = a.rows[chosen[old]]
        if not old.all():
            target[~old] = b.rows[chosen[~old] - len(a.rows)]
    return a._replace(keys=keys[order], rows=rows, classes=classes[order])


def row_keys(rows: Float[np.ndarray, "n d"], seed: int) -> UInt64[np.ndarray, " n"]:
    """Return a pseudo-random 64-bit key of each row's bytes: a multilinear hash, then the finaliser of splitmix64."""
    words = np.ascontiguousarray(rows).view(np.uint32).reshape(len(rows), -1)
    generator = np.random.Generator(np.random.PCG64(seed))
    factors = generator.integers(0, 1 << 64, words.shape[1], dtype=np.uint64) | np.uint64(1)
    keys = np.empty(len(rows), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for start in range(0, len(rows), _CHUNK):
            # The low half of a product ignores the high bits of its factors; adding the high half back mixes them in.
            products = words[start : start + _CHUNK].astype(np.uint64) * factors
            products ^= products >> np.uint64(32)
            products.sum(axis=1, dtype=np.uint64, out=keys[start : start + _CHUNK])
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))
