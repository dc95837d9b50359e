"""From an activation with positions to one feature vector a sample, under the mask of what is real."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, get_args

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.config import Reduction

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Mask: TypeAlias = "Bool[np.ndarray, 'n t'] | None"


def chosen_reduction(
    reduction: Reduction, num_axes: int, *, is_causal: bool, scores_positions: bool = False
) -> Reduction:
    """Return what `auto` means for a layer: the last token of a causal network, else mean and maximum over positions.

    A local trigger moves the maximum, a global one the mean.

    Args:
        reduction: As it was asked for.
        num_axes: Axes of the activation with that of the samples.
        is_causal: Whether the network's last token has seen all others, and they nothing of it.
        scores_positions: Whether the detector reads positions by itself.
    """
    if reduction == "last_token":
        return "last"
    if reduction != "auto":
        return reduction
    if scores_positions:
        return "none"
    return "last" if num_axes == 3 and is_causal else "mean_max"


def reduce_positions(
    activation: Float[np.ndarray, "n ..."],
    reduction: Reduction,
    mask: Mask = None,
    *,
    is_causal: bool = True,
) -> Float[np.ndarray, "n ..."]:
    """Reduce an activation, features last, to one row a sample.

    Args:
        activation: Batch first, features last; a numpy array, or a JAX one inside a compiled function.
        reduction: What to do with the axes between.
        mask: The positions that are real, if some are not; `last` is the last of them, `mean` and `max` run over them only.
        is_causal: What `auto` means for sequences.

    Returns:
        Features, `(n, d)`, and `(n, positions, d)` under `none`; `mean_max` doubles the width.

    Raises:
        ConfigError: The reduction has no such name, or the mask does not fit it.
    """
    if activation.ndim <= 2:
        return activation.reshape(len(activation), -1)
    how = chosen_reduction(reduction, activation.ndim, is_causal=is_causal)
    rows = activation.reshape(len(activation), -1, activation.shape[-1])
    if mask is not None and how != "none" and not mask.all():
        return _masked(rows, how, mask)
    reduced: dict[str, Callable[[], np.ndarray]] = {
        "none": lambda: rows,
        "flatten": lambda: rows.reshape(len(rows), -1),
        "mean": lambda: rows.mean(axis=1),
        "max": lambda: rows.max(axis=1),
        "mean_max": lambda: rows.__array_namespace__().concat(
            [rows.mean(axis=1), rows.max(axis=1)], axis=1
        ),
        "last": lambda: rows[:, -1],
        "first": lambda: rows[:, 0],
    }
    if how in reduced:
        return reduced[how]()
    raise ConfigError(f"reduction={reduction!r} is not one of {', '.join(get_args(Reduction))}.")


def _masked(rows: np.ndarray, how: Reduction, mask: Bool[np.ndarray, "n t"]) -> np.ndarray:
    """Reduce rows (n, t, d) of which some positions are padding."""
    empty = np.flatnonzero(~mask.any(axis=1))
    if len(empty):
        raise ConfigError(
            f"Sample {empty[0]} of a batch has no real position: its mask is all false."
        )
    if how == "flatten":
        raise ConfigError(
            "reduction=flatten needs samples of one length, and the mask marks padding; choose mean, max or last."
        )
    index = np.arange(len(rows))
    if how == "last":
        return rows[index, mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)]
    if how == "first":
        return rows[index, mask.argmax(axis=1)]
    mean = np.where(mask[:, :, None], rows, 0).sum(axis=1) / mask.sum(axis=1)[:, None]
    high = np.where(mask[:, :, None], rows, -np.inf).max(axis=1)
    parts = {"mean": [mean], "max": [high], "mean_max": [mean, high]}[how]
    return np.concatenate(parts, axis=1).astype(rows.dtype)


def reduced_width(shape: tuple[int, ...], reduction: Reduction, *, is_causal: bool = True) -> int:
    """Width that `reduce_positions` gives for one sample's activation shape."""
    zeros = np.zeros((1, *shape), np.float32)
    return reduce_positions(zeros, reduction, is_causal=is_causal).shape[-1]
