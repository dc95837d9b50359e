"""Spaces: gymnasium's, with what a game needs beyond them: enumeration, products, exact sampling and casts.

A *numeric* space is a `Box` (integer dtype: discrete, float dtype: continuous); a *category* is a `Discrete`, a set whose
members have no distance.
"""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import ArrayLike, DTypeLike, NDArray

from taskloom_hci.accelerated.exact_math import exact_logs
from taskloom_hci.accelerated.exact_normal import normal_quantiles
from taskloom_hci.errors import HciError, ShapeError, SpaceNotSeparableError
from taskloom_hci.state.streams import Stream

Array: TypeAlias = NDArray[Any]
ElementSpace: TypeAlias = Box | Discrete
CastMode: TypeAlias = Literal["center", "edges"]

ENUMERATION_LIMIT = 10_000_000


def numeric(
    low: ArrayLike,
    high: ArrayLike,
    *,
    shape: tuple[int, ...] | None = None,
    dtype: DTypeLike | None = None,
) -> Box:
    """Return the space of numbers between two inclusive bounds.

    Args:
        low: Lowest value, a number or an array.
        high: Highest value; the same shape as `low`, or either of them a number.
        shape: The shape; by default that of the bounds.
        dtype: The type; by default NumPy's common type of the bounds. Infinite bounds of an integer type become the
            extremes of that type.

    Raises:
        ShapeError: If the bounds do not have one shape or `low` exceeds `high`.
    """
    low_array, high_array = np.asarray(low), np.asarray(high)
    kind: np.dtype[Any] = (
        np.dtype(dtype) if dtype is not None else np.result_type(low_array, high_array)
    )
    try:
        whole = np.broadcast_shapes(low_array.shape, high_array.shape) if shape is None else shape
        bounds = [np.broadcast_to(bound, whole) for bound in (low_array, high_array)]
    except ValueError:
        raise ShapeError(
            f"The bounds of a space must have one shape, not {low_array.shape} and {high_array.shape}"
            + (f" for the shape {shape}." if shape is not None else ".")
        ) from None
    if np.issubdtype(kind, np.integer):
        extremes = np.iinfo(kind)
        bounds = [_saturate(bound, extremes.min, extremes.max) for bound in bounds]
    if not np.all(bounds[0] <= bounds[1]):
        raise ShapeError(
            f"The low bound {low_array} of a space must not exceed its high bound {high_array}."
        )
    return Box(bounds[0].astype(kind), bounds[1].astype(kind), shape=whole, dtype=kind.type)


def _saturate(bound: Array, lowest: int, highest: int) -> Array:
    if not np.issubdtype(bound.dtype, np.floating):
        return bound
    inside = np.where(np.isfinite(bound), bound, 0.0).astype(np.int64)
    return np.where(np.isposinf(bound), highest, np.where(np.isneginf(bound), lowest, inside))


def integer_set(count: int) -> Discrete:
    """Return the category {0, ..., count - 1}."""
    return Discrete(count)


def integer_space(count: int | None = None, start: int = 0, stop: int | None = None) -> Box:
    """Return the integers {start, ..., start + count - 1}, or {start, ..., stop}."""
    if (count is None) == (stop is None):
        raise ShapeError("An integer space needs a count or a stop, and not both.")
    last = start + count - 1 if count is not None else stop
    return numeric(start, np.int64(last or 0), dtype=np.int64)


def box_space(high: ArrayLike, low: ArrayLike | None = None) -> Box:
    """Return the continuous box between `low` (by default `-high`) and `high`."""
    top = np.asarray(high, dtype=np.float64)
    return numeric(-top if low is None else low, top, dtype=np.float64)


def is_discrete(space: ElementSpace) -> bool:
    """Return whether the space is made of integers."""
    return isinstance(space, Discrete) or np.issubdtype(space.dtype or np.float64, np.integer)


def bounds(space: ElementSpace) -> tuple[Array, Array]:
    """Return the inclusive bounds of a space, each of its shape."""
    if isinstance(space, Discrete):
        return np.asarray(space.start), np.asarray(space.start + space.n - 1)
    return space.low, space.high


def cardinality(space: ElementSpace) -> int | None:
    """Return how many members a space has; None if it is continuous."""
    if not is_discrete(space):
        return None
    low, high = bounds(space)
    count = 1
    for a, b in zip(low.ravel().tolist(), high.ravel().tolist(), strict=True):
        count *= int(b) - int(a) + 1
    return count


def members(space: ElementSpace) -> Array:
    """Return every member of a discrete space of any shape, (N, *shape), the last axis running fastest.

    Raises:
        HciError: If the space is continuous, or has more members than can be listed.
    """
    count = cardinality(space)
    if count is None or count > ENUMERATION_LIMIT:
        size = (
            "is continuous"
            if count is None
            else f"has {count} members, more than {ENUMERATION_LIMIT}"
        )
        raise HciError(f"The space {space} cannot be listed: it {size}.")
    low, high = bounds(space)
    axes = [np.arange(int(a), int(b) + 1) for a, b in zip(low.ravel(), high.ravel(), strict=True)]
    grid = np.meshgrid(*axes, indexing="ij") if axes else []
    rows = np.stack([axis.ravel() for axis in grid], axis=-1)
    return rows.reshape(count, *low.shape).astype(space.dtype)


def axis_space(space: ElementSpace, key: Any) -> Box:
    """Return the part of a numeric space that an index selects.

    Raises:
        SpaceNotSeparableError: If the space is a category.
    """
    if isinstance(space, Discrete):
        raise SpaceNotSeparableError("A category has no axes: only a numeric space can be indexed.")
    return numeric(space.low[key], space.high[key], dtype=space.dtype)


def cartesian_product(*spaces: ElementSpace) -> tuple[list[tuple[Any, ...]], list[tuple[int, ...]]]:
    """Return all combinations of members, and the shape of each space; a continuous space counts as the one member None."""
    lists: list[list[Any]] = []
    for space in spaces:
        lists.append([None] if cardinality(space) is None else list(members(space)))
    return list(product(*lists)), [tuple(space.shape or ()) for space in spaces]


def sample(space: ElementSpace, stream: Stream) -> Array:
    """Draw a member: uniform where the bounds are finite, normal where there is none, exponential beside a single one."""
    low, high = (np.atleast_1d(bound).ravel() for bound in bounds(space))
    draws = stream.uniforms(low.size)
    if is_discrete(space):
        values = [
            int(a) + min(int(u * (int(b) - int(a) + 1)), int(b) - int(a))
            for a, b, u in zip(low, high, draws, strict=True)
        ]
        return np.array(values, dtype=space.dtype).reshape(space.shape or ())
    # All three cases of an axis, chosen elementwise: the same draw decides whichever applies.
    below, above = np.isfinite(low), np.isfinite(high)
    tail = -exact_logs(1.0 - draws)
    a, b = np.where(below, low, 0.0), np.where(above, high, 0.0)
    inside = a + draws * (b - a)
    one_sided = np.where(below, a + tail, b - tail)
    drawn = np.where(
        below & above, inside, np.where(below | above, one_sided, normal_quantiles(draws))
    )
    return drawn.astype(space.dtype).reshape(space.shape or ())


def contains(space: ElementSpace, value: ArrayLike) -> bool:
    """Return whether every item lies within the bounds; anything that cannot be compared does not."""
    try:
        low, high = bounds(space)
        array = np.asarray(value)
        return array.shape == low.shape and bool(np.all(array >= low) and np.all(array <= high))
    except (TypeError, ValueError):
        return False


def cast(
    value: ArrayLike, source: ElementSpace, target: ElementSpace, mode: CastMode = "center"
) -> Array:
    """Carry a value from one space into another, elementwise.

    Between two discrete spaces members map by rank and must be equally many; between two continuous spaces the map is
    affine. From N ranks to an interval, `center` takes the middle of each of N equal cells and `edges` puts the first and
    last rank on the bounds; back again, `center` takes the nearest of the N points that `edges` makes, and `edges` takes
    the cell.

    Raises:
        HciError: If the shapes or the numbers of members differ, or a continuous space is unbounded.
    """
    low_a, high_a = (np.asarray(bound, dtype=np.float64) for bound in bounds(source))
    low_b, high_b = (np.asarray(bound, dtype=np.float64) for bound in bounds(target))
    x = np.asarray(value, dtype=np.float64)
    _require_castable(
        x, (low_a, high_a), (low_b, high_b), (is_discrete(source), is_discrete(target))
    )
    if is_discrete(source) and is_discrete(target):
        return (x - low_a + low_b).astype(target.dtype)
    if is_discrete(source):
        steps = high_a - low_a  # N - 1
        rank = x - low_a
        part = (rank + 0.5) / (steps + 1) if mode == "center" else _share(rank, steps)
        return (low_b + part * (high_b - low_b)).astype(target.dtype)
    part = _share(x - low_a, high_a - low_a)
    if is_discrete(target):
        steps = high_b - low_b
        rank = np.floor(part * steps + 0.5) if mode == "center" else np.floor(part * (steps + 1))
        return (low_b + np.clip(rank, 0, steps)).astype(target.dtype)
    return (low_b + part * (high_b - low_b)).astype(target.dtype)


def _share(offset: Array, width: Array) -> Array:
    return np.asarray(offset / np.where(width > 0, width, 1.0))


def _require_castable(
    x: Array, source: Sequence[Array], target: Sequence[Array], discrete: tuple[bool, bool]
) -> None:
    if not (x.shape == source[0].shape == target[0].shape):
        raise ShapeError(
            f"A cast needs one shape, not {x.shape} from a space of {source[0].shape} to one of {target[0].shape}."
        )
    for limits, whole in zip((source, target), discrete, strict=True):
        if not whole and not all(np.all(np.isfinite(limit)) for limit in limits):
            raise HciError(
                "A value cannot be cast from or to an unbounded space; give it finite bounds."
            )
    counts = [limits[1] - limits[0] + 1 for limits in (source, target)]
    if all(discrete) and not np.array_equal(counts[0], counts[1]):
        raise HciError(
            f"A cast between discrete spaces needs equally many members, not {counts[0]} and {counts[1]}."
        )
