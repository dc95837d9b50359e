"""Row-wise arithmetic in blocks of one fixed size, so that a sample's score does not depend on its batch.

A matrix product may round a row differently when the number of rows differs (BLAS takes other kernels for one row, or for what
is left over). Padding every block to the same size gives each row the same arithmetic whatever else is in the batch, bounds
the temporaries, and keeps them in the cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLOCK = 256


def by_blocks(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """Apply a function of BLOCK rows to any number of rows.

    Args:
        function: Maps arrays of BLOCK rows to an array of BLOCK rows, each row by itself.
        arrays: Arrays with the same number n of rows.

    Returns:
        The function's rows, shape (n, ...).
    """
    count = len(arrays[0])
    results = []
    for start in range(0, max(count, 1), BLOCK):
        blocks = [array[start : start + BLOCK] for array in arrays]
        missing = BLOCK - len(blocks[0])
        if missing:
            blocks = [_padded(block, missing) for block in blocks]
        results.append(function(*blocks))
    return np.concatenate(results)[:count]


def _padded(block: np.ndarray, missing: int) -> np.ndarray:
    # Repeating a real row keeps padding inside the function's domain (no zero vector to normalise).
    filler = block[-1:] if len(block) else np.ones((1, *block.shape[1:]), block.dtype)
    return np.concatenate([block, np.repeat(filler, missing, axis=0)])
