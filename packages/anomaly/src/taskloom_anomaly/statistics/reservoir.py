"""A uniform sample of a stream in bounded memory, which does not depend on the order of the stream or on how it was sharded.

Every row gets a pseudo-random key from its place in the stream, and the rows with the smallest keys are kept ("bottom-k" sampling):
a row that repeats is as likely in the sample as it is in the stream. Two reservoirs merge by keeping the smallest keys of both; of
two shards the second was told where it begins. As long as no more rows than the capacity were seen, all of them are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt64

# Rows copied at a time: temporaries stay small however large a batch is.
_CHUNK = 256


class Reservoir(NamedTuple):
    """The kept rows, sorted by key.

    Attributes:
        capacity: Most rows kept, shape ().
        seed: Seed of the keys, shape ().
        start: Place of the first row in the whole stream, shape ().
        seen: Rows that went by, shape ().
        keys: uint64 keys, rising, shape (r,).
        rows: The rows, shape (r, d).
        classes: A class for each row, shape (r,).
    """

    capacity: np.ndarray
    seed: np.ndarray
    start: np.ndarray
    seen: np.ndarray
    keys: np.ndarray
    rows: np.ndarray
    classes: np.ndarray


def empty(capacity: int, width: int, seed: int, start: int = 0) -> Reservoir:
    """Return a reservoir of no rows; `start` is the place in the whole stream at which its part begins."""
    return Reservoir(
        np.asarray(capacity),
        np.asarray(seed),
        np.asarray(start),
        np.asarray(0),
        np.zeros(0, dtype=np.uint64),
        np.zeros((0, width), dtype=np.float32),
        np.zeros(0, dtype=np.int64),
    )


def add(
    reservoir: Reservoir, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
) -> Reservoir:
    """Return the reservoir after further rows."""
    keys = stream_keys(int(reservoir.start + reservoir.seen), len(rows), int(reservoir.seed))
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
    """Return the reservoir of both streams; one that was not told where it begins goes on where the other ends.

    Raises:
        ValueError: It was not told, and rows of it were left out already.
    """
    if not int(a.seen) or not int(b.seen):
        return (b if int(b.seen) else a)._replace(start=np.minimum(a.start, b.start))
    first, second = (a, b) if int(a.start) <= int(b.start) else (b, a)
    if int(first.start + first.seen) > int(second.start):
        # Both count from the same place: the second goes on where the first ends, which can be told of one that is whole.
        if len(second.keys) < int(second.seen):
            raise ValueError(
                "Two samples of one stream merge only if each was told where its part begins: fit_state(..., start=ROWS)."
            )
        moved = stream_keys(int(first.start + first.seen), int(second.seen), int(second.seed))
        old = stream_keys(int(second.start), int(second.seen), int(second.seed))
        order = np.argsort(old)
        places = order[np.searchsorted(old[order], second.keys)]
        second = second._replace(keys=moved[places])
    return _smallest(first, second)._replace(seen=a.seen + b.seen, start=first.start)


def _smallest(a: Reservoir, b: Reservoir) -> Reservoir:
    """Return the rows of both with the smallest keys, each copied once."""
    keys, classes = np.concatenate([a.keys, b.keys]), np.concatenate([a.classes, b.classes])
    order = np.argsort(keys, kind="stable")[: int(a.capacity)]
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


def stream_keys(start: int, count: int, seed: int) -> UInt64[np.ndarray, " n"]:
    """Return a pseudo-random 64-bit key for each place in a stream: the finaliser of splitmix64, blind to what the rows hold.

    Args:
        start: Place of the first row.
        count: Rows.
        seed: Seed of the keys.
    """
    with np.errstate(over="ignore"):
        places = np.arange(start + 1, start + count + 1, dtype=np.uint64)
        keys = places * np.uint64(0x9E3779B97F4A7C15)
        keys += np.uint64(seed * 0xD1342543DE82EF95 & 0xFFFFFFFFFFFFFFFF)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))
