"""From an activation with positions to one feature vector a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from taskloom.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Float

Reduction: TypeAlias = Literal["auto", "flatten", "mean", "max", "mean_max", "last_token"]


def reduce_positions(
    activation: Float[np.ndarray, "n ..."], reduction: Reduction
) -> Float[np.ndarray, "n d"]:
    """Reduce an activation, features last, to one row a sample.

    `auto` keeps dense layers as they are, takes the last position of sequences `(n, t, d)` and mean and maximum over
    the positions of images `(n, h, w, d)`: a local trigger moves the maximum, a global one the mean.

    Args:
        activation: Batch first, features last; a numpy array, or a JAX one inside a compiled function.
        reduction: What to do with the axes between.

    Returns:
        Features, `(n, d)`; `mean_max` doubles the width.

    Raises:
        ConfigError: The reduction has no such name.
    """
    if activation.ndim <= 2:
        return activation.reshape(len(activation), -1)
    how = reduction
    if how == "auto":
        how = "last_token" if activation.ndim == 3 else "mean_max"
    rows = activation.reshape(len(activation), -1, activation.shape[-1])
    match how:
        case "flatten":
            return rows.reshape(len(rows), -1)
        case "mean":
            return rows.mean(axis=1)
        case "max":
            return rows.max(axis=1)
        case "mean_max":
            both = [rows.mean(axis=1), rows.max(axis=1)]
            joined: Float[np.ndarray, "n d"] = rows.__array_namespace__().concat(both, axis=1)
            return joined
        case "last_token":
            return rows[:, -1]
    raise ConfigError(f"reduction={reduction!r} is not one of {', '.join(get_args(Reduction))}.")


def reduced_width(shape: tuple[int, ...], reduction: Reduction) -> int:
    """Width that `reduce_positions` gives for one sample's activation shape."""
    return reduce_positions(np.zeros((1, *shape), np.float32), reduction).shape[1]
