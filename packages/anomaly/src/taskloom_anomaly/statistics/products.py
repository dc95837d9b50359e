"""Sums of outer products, rows^T rows: what every covariance costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

# Rows whose float32 products are added up by themselves. Rounding grows with the length of such a sum, above all for rows that
# repeat a value, as units that are silent do: 1,024 rows at a time leave errors of 2e-6 of the variances, 64 of 4e-7.
_BLOCK = 64
# Rows after which the sum goes on in float64.
_CHUNK = 4096
# Mean squares within these bounds neither overflow nor vanish in float32.
_SMALLEST, _LARGEST = 1e-24, 1e30


def products(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    """Return rows^T rows in float64, of float64 rows to the last digits and of many float32 rows in half the time.

    The products of float32 rows are off by at most 1e-6 of the geometric mean of their two diagonal entries. The rows should be
    centred: their own mean is no signal and takes digits. Fewer float32 rows than twice the width are multiplied in float64,
    so that their rank shows.
    """
    if rows.dtype == np.float32 and len(rows) >= 2 * rows.shape[1]:
        found = _single(rows)
        level = float(found.diagonal().max(initial=0.0)) / max(len(rows), 1)
        if _SMALLEST < level < _LARGEST:
            return found
    rows = rows.astype(np.float64, copy=False)
    # A product of an array with its own transpose is the one that numpy hands to BLAS's syrk, half the work of gemm.
    return rows.T @ rows


def _single(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    blas, width = _blas(), rows.shape[1]
    total: np.ndarray | None = None
    for start in range(0, len(rows), _CHUNK):
        upper = np.zeros((width, width), np.float32, order="F")
        for first in range(start, min(start + _CHUNK, len(rows)), _BLOCK):
            block = rows[first : min(first + _BLOCK, start + _CHUNK)]
            upper = blas.ssyrk(1.0, block.T, beta=1.0, c=upper, overwrite_c=1)
        whole = np.add(upper, upper.T, dtype=np.float64)
        whole.flat[:: width + 1] *= 0.5
        total = whole if total is None else np.add(total, whole, out=total)
    return np.zeros((width, width)) if total is None else total


def add_outer(
    matrix: Float[np.ndarray, "d d"], vector: Float[np.ndarray, " d"], weight: float
) -> Float[np.ndarray, "d d"]:
    """Return matrix + weight vector vector^T; the matrix, C-contiguous and float64, is overwritten."""
    # The transposed view is what Fortran calls contiguous, and the outer product is symmetric.
    return _blas().dger(weight, vector, vector, a=matrix.T, overwrite_a=1).T


def _blas() -> Any:  # noqa: ANN401 -- its functions are made at import and have no types
    import scipy.linalg.blas  # scipy is heavy

    return scipy.linalg.blas
