"""Weights of groups of particles, and their resampling (Del Moral 2004; Wu et al. 2023, twisted diffusion sampling).

A group of K particles has log weights lw, at first -log K + log psi(z_0). Each step adds log p - log q of what was drawn and
log psi(z') - log psi(z). Where the effective number of particles falls below K / 2 the group's total goes into log Z, K new
particles are chosen, and weights begin at -log K again. E[Z] and E[Z sum_k W_k f(x_k)] are then exact for any proposal q.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Swarm:
    """Weights of G groups of K particles.

    Args:
        groups: Groups G.
        size: Particles K of each.
    """

    def __init__(self, groups: int, size: int) -> None:
        self.size = size
        self.log_weight = torch.full((groups, size), -math.log(size), dtype=torch.float64)
        self.log_z = torch.zeros(groups, dtype=torch.float64)

    def add(self, change: Tensor) -> None:
        """Add to the log weights of all particles (G K,)."""
        self.log_weight = self.log_weight + change.view_as(self.log_weight)

    def ancestors(self, open_groups: Tensor, place: Tensor) -> Tensor:
        """Return which particle takes each one's place (G K,), and settle the weights of groups that were resampled.

        Args:
            open_groups: Groups that still have steps before them (G,): resampling at the end would throw weights away.
            place: A uniform variate of each group (G,).
        """
        total = self.log_weight.logsumexp(1)
        alive = total > -torch.inf
        spread = self.log_weight - total.where(alive, 0.0)[:, None]
        effective = (-(2 * spread).logsumexp(1)).exp()
        due = open_groups & alive & (effective < self.size / 2)
        kept = torch.arange(self.size).expand_as(self.log_weight)
        if not bool(due.any()):
            return self._numbers(kept)
        # Systematic: K points at equal distances behind one variate.
        points = (torch.arange(self.size) + place[:, None]) / self.size
        cumulative = spread.exp().cumsum(1)
        cumulative = cumulative / cumulative[:, -1:].clamp_min(1e-300)
        chosen = torch.searchsorted(cumulative, points.contiguous(), right=True)
        chosen = torch.where(due[:, None], chosen.clamp_max(self.size - 1), kept)
        self.log_z = self.log_z + torch.where(due, total, 0.0)
        fresh = torch.full_like(self.log_weight, -math.log(self.size))
        self.log_weight = torch.where(due[:, None], fresh, self.log_weight)
        return self._numbers(chosen)

    def _numbers(self, chosen: Tensor) -> Tensor:
        first = torch.arange(len(chosen))[:, None] * self.size
        return (first + chosen).flatten()

    def settle(self) -> None:
        """Put what is left of the weights into log Z: they then sum to 1 in every group that is not dead."""
        total = self.log_weight.logsumexp(1)
        alive = total > -torch.inf
        self.log_z = self.log_z + total
        self.log_weight = torch.where(
            alive[:, None], self.log_weight - total.where(alive, 0.0)[:, None], -torch.inf
        )

    def one_of_each(self, place: Tensor) -> Tensor:
        """Return the number of one particle of every group (G,), drawn by weight; of a dead group it means nothing."""
        cumulative = self.log_weight.exp().cumsum(1)
        points = place[:, None] * cumulative[:, -1:]
        chosen = (cumulative <= points).sum(1).clamp_max(self.size - 1)
        return torch.arange(len(chosen)) * self.size + chosen
