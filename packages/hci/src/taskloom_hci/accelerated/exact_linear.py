"""Matrix times vector with a fixed order of additions, so that one system and a thousand give the same bits.

BLAS chooses its order by the size of the arrays. Terms with a zero coefficient are left out, which changes no sum.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.float64]
Terms: TypeAlias = tuple[tuple[tuple[int, float], ...], ...]


def terms(matrix: Float) -> Terms:
    """Return the non-zero entries of every row as pairs of column and value."""
    return tuple(
        tuple((j, float(value)) for j, value in enumerate(row) if value != 0.0) for row in matrix
    )


def times(rows: Terms, x: Float) -> Float:
    """Return the product with vectors `x` (k, n), one vector a column: (len(rows), n)."""
    out = np.zeros((len(rows), x.shape[1]))
    for i, row in enumerate(rows):
        # In the order of the columns, one rounding a product and one an addition: compiled code does the same.
        for j, value in row:
            out[i] += value * x[j]
    return out


def quadratic(rows: Terms, x: Float) -> Float:
    """Return `x' M x` for every column of `x` (k, n): (n,)."""
    product = times(rows, x)
    total = np.zeros(x.shape[1])
    for i in range(len(rows)):
        total += x[i] * product[i]
    return total
