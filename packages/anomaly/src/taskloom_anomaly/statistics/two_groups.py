"""Two groups of numbers on a line, found without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

# On a line, 2-means settles within a few rounds; numbers that go round and round stop here.
_ROUNDS = 40


def upper_group(
    line: Float[np.ndarray, " n"], start: Bool[np.ndarray, " n"] | None = None
) -> Bool[np.ndarray, " n"]:
    """Return the upper one of two groups of numbers: 2-means from a guess, or from the outermost quantiles.

    Args:
        line: The numbers.
        start: A first guess; None cuts halfway between the 5 % and the 95 % quantile.

    Example:
        >>> upper_group(np.array([0.0, 0.1, 5.0, 5.1])).tolist()
        [False, False, True, True]
    """
    low, high = np.quantile(line, [0.05, 0.95])
    upper = line > (low + high) / 2 if start is None else start
    for _ in range(_ROUNDS):
        if upper.all() or not upper.any():
            break
        again = line > (line[upper].mean() + line[~upper].mean()) / 2
        if (again == upper).all():
            break
        upper = again
    return np.asarray(upper)
