"""An exact quantile of a stream of float32 values in two passes and constant memory.

The bits of a float32 sort like the values once the sign is taken care of. The first pass counts the upper 16 bits, the second
the lower 16 bits of those values that share them with the order statistic that is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

_HALF = 1 << 16


def sort_keys(values: np.ndarray) -> np.ndarray:
    """Return uint32 keys that sort as the float32 values do."""
    bits = np.ascontiguousarray(values, dtype=np.float32).reshape(-1).view(np.uint32)
    # Negative floats sort backwards, so all their bits are turned; of the others the sign alone.
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def value_of(key: int) -> float:
    """Return the float32 value of a key."""
    bits = key ^ 0x80000000 if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])


def exact_quantile(read: Callable[[], Iterable[np.ndarray]], share: float) -> float:
    """Return the quantile with linear interpolation between order statistics, as `numpy.quantile` does.

    Args:
        read: Starts a new pass over the values and yields them in batches.
        share: In [0, 1].

    Raises:
        ValueError: If there are no values.
    """
    upper = np.zeros(_HALF, dtype=np.int64)
    for values in read():
        upper += np.bincount(sort_keys(values) >> 16, minlength=_HALF)
    count = int(upper.sum())
    if not count:
        raise ValueError("A quantile of no values is asked for.")
    place = share * (count - 1)
    ranks = sorted({int(np.floor(place)), int(np.ceil(place))})
    below = np.concatenate([[0], np.cumsum(upper)])
    # Both order statistics mostly share a bucket, which the second pass then counts once.
    buckets = [int(np.searchsorted(below, rank, side="right")) - 1 for rank in ranks]
    lower = {bucket: np.zeros(_HALF, dtype=np.int64) for bucket in buckets}
    for values in read():
        keys = sort_keys(values)
        for bucket in lower:
            inside = keys[(keys >> 16) == bucket]
            lower[bucket] += np.bincount(inside & np.uint32(_HALF - 1), minlength=_HALF)
    found = []
    for rank, bucket in zip(ranks, buckets, strict=True):
        within = np.cumsum(lower[bucket])
        low = int(np.searchsorted(within, rank - below[bucket], side="right"))
        found.append(value_of((bucket << 16) | low))
    return found[0] + (place - ranks[0]) * (found[-1] - found[0])
