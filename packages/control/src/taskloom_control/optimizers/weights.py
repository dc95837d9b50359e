"""Softmax weights of path integral control, at a fixed temperature or at a given effective sample size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

# The search for a temperature, in logarithms: doublings around its beginning until the target is bracketed, then parts of one.
_DOUBLINGS = np.log(2.0) * np.arange(-4, 5)
_PARTS = np.log(2.0) * np.linspace(0.0, 1.0, 17)
_MOST_BRACKETS = 256


def softmax_weights(
    rewards: Float[np.ndarray, " R"], temperature: float
) -> Float[np.ndarray, " R"]:
    """Return w_i = exp((r_i - max r) / T) / sum; a reward of -inf has weight 0.

    Args:
        rewards: Rewards; at least one is finite.
        temperature: T, in units of the reward.
    """
    if temperature == np.inf:
        # Written, not divided: what diverged has no weight at any temperature.
        weights = (rewards > -np.inf).astype(float)
    else:
        # Shifted by the best reward, so that the largest exponent is zero and nothing overflows.
        weights = np.exp((rewards - rewards.max()) / temperature)
    return np.asarray(weights / weights.sum())


def effective_sample_size(weights: Float[np.ndarray, "*batch R"]) -> Float[np.ndarray, "*batch"]:
    """Return 1 / sum w^2 (Kish): 1 when one candidate counts, R when all count alike."""
    return np.asarray(1.0 / np.sum(np.square(weights), axis=-1))


def temperature_for(rewards: Float[np.ndarray, " R"], ess: float) -> float:
    """Return the temperature at which the weights have an effective sample size.

    The effective sample size rises with the temperature from the number of equally best candidates to that of finite rewards; a
    target at or below the first gets a thousandth of the smallest gap, one at or above the second an infinite temperature. The
    search begins at the gap of the next worse than the `ess` best, so one candidate's badness never changes the others' weights.

    Args:
        rewards: Rewards; at least one is finite.
        ess: Target.
    """
    gaps = np.sort(rewards.max() - rewards[rewards > -np.inf])
    count, best = len(gaps), int(np.searchsorted(gaps, 0.0, side="right"))
    if ess >= count or best == count:
        return float(np.inf)
    smallest = float(gaps[best])
    if ess <= best:
        return 1e-3 * smallest
    start = float(gaps[min(int(np.ceil(ess)), count - 1)]) or smallest
    return _search(gaps, np.log(ess), max(start, 1e-300))


def _search(gaps: Float[np.ndarray, " n"], target: float, start: float) -> float:
    """Return the temperature of a logarithm of the effective sample size: a bracket of doublings, then a fine grid inside."""
    middle = np.log(start)
    for _ in range(_MOST_BRACKETS):
        # All doublings at once: a call of NumPy costs more than their arithmetic.
        grid = middle + _DOUBLINGS
        above = int(_log_sizes(gaps, grid).searchsorted(target))
        if 0 < above < len(grid):
            break
        middle = grid[-1] if above else grid[0]
    else:
        return float(np.exp(middle))
    grid = grid[above - 1] + _PARTS
    sizes = _log_sizes(gaps, grid)
    # Between neighbours of so fine a grid the logarithm is a line to 1e-4.
    return float(np.exp(np.interp(target, sizes, grid)))


def _log_sizes(
    gaps: Float[np.ndarray, " n"], log_temperatures: Float[np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """Return the logarithms of the effective sample sizes at some temperatures."""
    weights = np.exp(np.multiply.outer(-np.exp(-log_temperatures), gaps))
    total = np.add.reduce(weights, axis=1)
    weights *= weights
    return np.asarray(np.log(total * total / np.add.reduce(weights, axis=1)))


def path_integral_weights(
    rewards: Float[np.ndarray, " R"], temperature: float, ess: float
) -> Float[np.ndarray, " R"]:
    """Return the softmax weights at the temperature of an effective sample size, or at a fixed one if that is 0."""
    return softmax_weights(rewards, temperature_for(rewards, ess) if ess > 0 else temperature)
