"""Softmax weights of path integral control, at a fixed temperature or at a given effective sample size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


def softmax_weights(
    rewards: Float[np.ndarray, " R"], temperature: float
) -> Float[np.ndarray, " R"]:
    """Return w_i = exp((r_i - max r) / T) / sum; a reward of -inf has weight 0.

    Args:
        rewards: Rewards; at least one is finite.
        temperature: T, in units of the reward.
    """
    # Shifted by the best reward, so that the largest exponent is zero and nothing overflows.
    weights = np.exp((rewards - rewards.max()) / temperature)
    return np.asarray(weights / weights.sum())


def effective_sample_size(weights: Float[np.ndarray, "*batch R"]) -> Float[np.ndarray, "*batch"]:
    """Return 1 / sum w^2 (Kish): 1 when one candidate counts, R when all count alike."""
    return np.asarray(1.0 / np.sum(np.square(weights), axis=-1))


def temperature_for(rewards: Float[np.ndarray, " R"], ess: float) -> float:
    """Return the temperature at which the weights have an effective sample size.

    The effective sample size grows with the temperature from the number of equally best candidates to the number of finite
    ones; a target outside of that is met as nearly as possible. Two passes over a logarithmic grid find the temperature to
    better than one per cent, in a fixed number of operations.

    Args:
        rewards: Rewards; at least one is finite.
        ess: Target.
    """
    finite = rewards[rewards > -np.inf]
    gap = finite - finite.max()
    spread = -float(gap.min())
    # All alike: every temperature gives equal weights, and a logarithm of zero none.
    if spread == 0.0:
        return 1.0
    low, high = np.log(spread * 1e-6), np.log(spread * 1e3)
    for _ in range(2):
        grid = np.linspace(low, high, 48)
        weights = np.exp(gap / np.exp(grid)[:, None])
        sizes = np.square(weights.sum(axis=1)) / np.square(weights).sum(axis=1)
        above = int(np.searchsorted(sizes, ess))
        low, high = grid[max(above - 1, 0)], grid[min(above, len(grid) - 1)]
    return float(np.exp(0.5 * (low + high)))


def path_integral_weights(
    rewards: Float[np.ndarray, " R"], temperature: float, ess: float
) -> Float[np.ndarray, " R"]:
    """Return the softmax weights at the temperature of an effective sample size, or at a fixed one if that is 0."""
    return softmax_weights(rewards, temperature_for(rewards, ess) if ess > 0 else temperature)
