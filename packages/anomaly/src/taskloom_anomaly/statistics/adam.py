"""Adam on flat dictionaries of arrays: Kingma and Ba 2015 (arXiv 1412.6980), algorithm 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-8


class Adam(NamedTuple):
    """The optimiser's state: steps taken, and the running first and second moments of the gradient."""

    steps: int
    first: dict[str, np.ndarray]
    second: dict[str, np.ndarray]


def start() -> Adam:
    """Return the state before the first step."""
    return Adam(0, {}, {})


def step(
    state: Adam,
    parameters: dict[str, np.ndarray],
    gradient: dict[str, np.ndarray],
    learning_rate: float,
) -> tuple[Adam, dict[str, np.ndarray]]:
    """Return the state and the parameters after a step; parameters without a gradient stay."""
    steps = state.steps + 1
    first, second, after = dict(state.first), dict(state.second), dict(parameters)
    # Both bias corrections in one factor, because they are the same for every parameter.
    rate = learning_rate * np.sqrt(1 - _SECOND**steps) / (1 - _FIRST**steps)
    for name, slope in gradient.items():
        first[name] = _FIRST * first.get(name, 0.0) + (1 - _FIRST) * slope
        second[name] = _SECOND * second.get(name, 0.0) + (1 - _SECOND) * slope**2
        # Algorithm 1 with its efficient order of computation; epsilon is scaled as in the plain order.
        floor = _EPSILON * np.sqrt(1 - _SECOND**steps)
        change = rate * first[name] / (np.sqrt(second[name]) + floor)
        after[name] = (parameters[name] - change).astype(parameters[name].dtype)
    return Adam(steps, first, second), after
