"""Shared pieces of the domain's tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

Quadrature = Callable[..., float]


@pytest.fixture(scope="session")
def integrate() -> Quadrature:
    """Integrate a function of a vector over (0, 1) with the tanh-sinh rule, which does not mind logarithms at the ends."""

    def rule(function: Callable[[Tensor], Tensor], step: float = 0.1) -> float:
        half = round(3.6 / step)
        grid = np.arange(-half, half + 1) * step
        s = 0.5 * np.pi * np.sinh(grid)
        # 1 / (1 + exp(-2 s)) keeps its digits near both ends.
        points = 1 / (1 + np.exp(-2 * s))
        weights = step * 0.25 * np.pi * np.cosh(grid) / np.cosh(s) ** 2
        inside = (points > 1e-15) & (points < 1 - 1e-15) & (weights > 1e-18)
        values = function(torch.from_numpy(points[inside]))
        return float((torch.from_numpy(weights[inside]) * values).sum())

    return rule
