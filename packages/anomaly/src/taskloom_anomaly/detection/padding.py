"""Padding that no network sees where that can be had: batches as wide as their longest row, and rows of one length where a network reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.data.named import Inputs, NamedArrays, mask_of, right_padded

if TYPE_CHECKING:
    from jaxtyping import Bool

    from taskloom_anomaly.config import Reduction
    from taskloom_anomaly.data.arrays import Samples

Found: TypeAlias = "dict[str, np.ndarray]"
"""Features by layer, one row (or block) a sample."""

# Rows that are run alone to see whether padding changes them, and the share of the largest entry beyond which it does.
_TRIED, _CHANGES = 3, 1e-3


def real_of(inputs: Inputs) -> Bool[np.ndarray, "n t"] | None:
    """Return the positions that are no padding; None where nothing says."""
    return inputs.real if isinstance(inputs, NamedArrays) else None


def require_positions(inputs: Inputs, start: int = 0) -> None:
    """Refuse a sample of which nothing is left under its mask.

    Args:
        inputs: A batch.
        start: Samples before it.

    Raises:
        ConfigError: With the place of the first such sample.
    """
    mask = inputs.mask if isinstance(inputs, NamedArrays) else None
    if mask is not None and not mask.any(axis=1).all():
        row = start + int(np.flatnonzero(~mask.any(axis=1))[0])
        raise ConfigError(f"Sample {row} has no real position: its mask is all false.")


def masked_samples(data: Samples, batch_size: int) -> Inputs | None:
    """Return a few samples of which some positions are not read, padded on the right; None if a data set has none.

    Args:
        data: Samples, read batch by batch as far as the first padding.
        batch_size: Samples a batch.
    """
    for batch in data.batches(batch_size):
        mask = mask_of(batch.inputs)
        if mask is None:
            return None
        short = np.flatnonzero(~mask.all(axis=1) & mask.any(axis=1))
        if len(short):
            return trimmed(right_padded(batch.inputs[short[:_TRIED]]))
    return None


def trimmed(inputs: Inputs) -> Inputs:
    """Return a batch, padded on the right, without the columns that are padding in every row.

    The width to which a data set was padded then changes nothing, to the bit, and positions beyond a network's context that hold
    padding alone are never asked for.
    """
    real = real_of(inputs)
    if real is None or not len(real):
        return inputs
    last = real.shape[1] - int(np.argmax(np.flip(real.any(axis=0)))) if real.any() else 1
    if last == real.shape[1]:
        return inputs
    return NamedArrays(
        {
            name: array[:, :last] if array.shape[:2] == real.shape else array
            for name, array in inputs.arrays.items()
        }
    )


def widened(found: Mapping[str, np.ndarray], now: int, width: int) -> Found:
    """Return features by position with zeros in place of the columns that were cut off.

    Args:
        found: Features; those of three axes with `now` positions are given back the others.
        now: Positions after the cut.
        width: Positions before it.
    """
    if now == width:
        return dict(found)
    return {
        name: np.pad(value, ((0, 0), (0, width - now), (0, 0)))
        if value.ndim == 3 and value.shape[1] == now
        else value
        for name, value in found.items()
    }


def reads_padding(run: Callable[[Inputs], Mapping[str, np.ndarray]], inputs: Inputs) -> bool:
    """Return whether rows give other features alone than among longer ones, although their mask says what is real.

    Args:
        run: Maps a batch to its features.
        inputs: A batch, padded on the right.
    """
    real = real_of(inputs)
    if real is None:
        return False
    short = np.flatnonzero(~real.all(axis=1))[:_TRIED]
    if not len(short):
        return False
    beside = run(inputs[short])
    for place, row in enumerate(short):
        for name, alone in run(trimmed(inputs[row : row + 1])).items():
            other = beside[name][place : place + 1]
            if alone.ndim == 3:
                # Position by position: those of the padding are not read.
                other = other[:, : alone.shape[1]]
            if np.abs(alone - other).max(initial=0) > _CHANGES * np.abs(alone).max(initial=1e-30):
                return True
    return False


def by_length(run: Callable[[Inputs], Mapping[str, np.ndarray]], inputs: Inputs) -> Found:
    """Return the features of a batch whose rows are run with rows of their own length only.

    Args:
        run: Maps a batch to its features; all with as many positions as the batch is given.
        inputs: A batch, padded on the right.
    """
    real = real_of(inputs)
    assert real is not None
    lengths = real.sum(axis=1)
    found: Found = {}
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        part = trimmed(inputs[rows])
        for name, value in widened(run(part), part.shape[1], inputs.shape[1]).items():
            whole = found.setdefault(name, np.zeros((len(lengths), *value.shape[1:]), value.dtype))
            whole[rows] = value
    return found


def in_batches(
    run: Callable[[Inputs], Mapping[str, np.ndarray]], inputs: Inputs, batch_size: int
) -> Found:
    """Return the features of samples that are run in batches sorted by length, in the order in which the samples came.

    Texts of about one length side by side need little padding; the mean length and not the longest one is then paid for.

    Args:
        run: Maps a batch to its features, one row a sample.
        inputs: Samples, those of a few batches.
        batch_size: Samples a batch.
    """
    real = real_of(inputs)
    lengths = np.zeros(len(inputs), int) if real is None else real.sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    found: Found = {}
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        for name, value in run(inputs[rows]).items():
            whole = found.setdefault(name, np.zeros((len(order), *value.shape[1:]), value.dtype))
            whole[rows] = value
    return found


def mask_for(
    name: str, value: np.ndarray, mask: np.ndarray | None, how: Reduction
) -> np.ndarray | None:
    """Return the mask of a layer's positions.

    Raises:
        ConfigError: There is padding, and the layer's positions are not those of the mask.
    """
    if mask is None or value.ndim < 3 or mask.all():
        return None
    if not fits_mask(value, mask):
        raise ConfigError(
            f"Layer '{name}' has {value.shape[1:-1]} positions and the mask {mask.shape[1]}: which of them are padding is not"
            f" known; choose other --layers than one reduced by {how}."
        )
    return mask


def fits_mask(value: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether an activation has the positions of a mask, or none."""
    return value.ndim < 3 or value.shape[1:-1] == mask.shape[1:]
