"""The likelihood of a table of decisions, by the user model itself: every situation once, weighted by how often it was met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.models.model import UserModel, log_likelihood

Float: TypeAlias = NDArray[np.float64]

# Numbers of one table of situations, actions and points: it stays near the cache.
_NUMBERS = 4_000_000
# Stands for the logarithm of 0, where a count of 0 must not give a NaN.
_IMPOSSIBLE = -1e300


def log_table(
    model: UserModel, situations: Mapping[str, NDArray[Any]], points: Mapping[str, Any]
) -> Float:
    """Return the log-probability of every action in every situation by every point, (S, K, A).

    Args:
        model: The model.
        situations: What it reads, (S, ...) by name.
        points: Values of its parameters, (K,) by name; NumPy's, or JAX's to differentiate it.
    """
    seen = {name: np.asarray(values)[:, None] for name, values in situations.items()}
    return log_likelihood(model, seen, {**seen, **points})


def log_likelihoods(
    model: UserModel,
    situations: Mapping[str, NDArray[Any]],
    counts: Float,
    points: Mapping[str, Float],
) -> Float:
    """Return the log-likelihood of the decisions of each person by every point, (P, K); -1e300 and less for what is impossible.

    Args:
        model: The model.
        situations: What it reads, (S, ...) by name.
        counts: How often each person did each action in each situation, (P, S, A).
        points: Values of its parameters, (K,) by name.
    """
    num = counts.shape[1]
    size = len(next(iter(points.values())))
    step = max(1, _NUMBERS // (size * counts.shape[2]))
    total = np.zeros((len(counts), size))
    for first in range(0, num, step):
        some = slice(first, first + step)
        part = {name: np.asarray(values)[some] for name, values in situations.items()}
        with np.errstate(divide="ignore"):
            table = np.maximum(log_table(model, part, points), _IMPOSSIBLE)
        table = np.broadcast_to(table, (table.shape[0], size, table.shape[2]))
        used = counts[:, some]
        total += used.reshape(len(counts), -1) @ np.moveaxis(table, 1, 2).reshape(-1, size)
    return total


def chance(model: UserModel) -> float:
    """Return the log-probability of an action of a user who does anything [nat]."""
    return -float(np.log(len(model.actions)))
