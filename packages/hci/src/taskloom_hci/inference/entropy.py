"""Entropies in bits."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.float64]


def plogp(p: Float) -> Float:
    """Return `p log2 p`, zero at zero."""
    # The limit of p log p at 0 is 0; log2(1) stands in, so that no warning is raised for what the product drops.
    return np.asarray(p * np.log2(np.where(p > 0.0, p, 1.0)))
