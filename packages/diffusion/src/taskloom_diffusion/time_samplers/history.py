"""Importance sampling of times from the history of losses."""

from __future__ import annotations

import torch
from torch import Tensor

from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.time_samplers.draws import Levels, strata


class HistorySampler:
    """Times from a piecewise-constant law, proportional to the root mean square of the last losses in each bucket."""

    def __init__(
        self, schedule: Schedule, num_buckets: int, memory: int, uniform_share: float
    ) -> None:
        self.schedule = schedule
        self.uniform_share = uniform_share
        self.losses = torch.zeros(num_buckets, memory, dtype=torch.float64)
        self.counts = torch.zeros(num_buckets, dtype=torch.float64)

    def law(self) -> Tensor:
        """Return the probability of each bucket; uniform until every one has a full memory."""
        num_buckets, memory = self.losses.shape
        uniform = torch.full((num_buckets,), 1 / num_buckets, dtype=torch.float64)
        if bool((self.counts < memory).any()):
            return uniform
        weight = (self.losses**2).mean(1).sqrt()
        if not bool(weight.sum() > 0):
            return uniform
        return (1 - self.uniform_share) * weight / weight.sum() + self.uniform_share * uniform

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        law = self.law()
        v = strata(len(num_maskable), generator, stratified=True)
        edges = torch.cat([law.new_zeros(1), law.cumsum(0)])
        edges[-1] = 1.0
        bucket = (torch.searchsorted(edges, v, right=True) - 1).clamp(0, len(law) - 1)
        inside = (v - edges[bucket]) / (edges[bucket + 1] - edges[bucket])
        t = (bucket + inside.clamp(0, 1)) / len(law)
        density = law[bucket] * len(law)
        return Levels(t, self.schedule.alpha(t), -self.schedule.dalpha(t) / density)

    def observe(self, levels: Levels, losses: Tensor) -> None:
        num_buckets, memory = self.losses.shape
        buckets = (levels.time * num_buckets).long().clamp(0, num_buckets - 1)
        slope = -self.schedule.dalpha(levels.time)
        # The bound is the loss at that time over the density of the time; the law is built from the loss itself.
        density = torch.where(levels.flow > 0, slope / levels.flow, 1.0)
        squares = (losses.double() * density) ** 2
        counts = torch.bincount(buckets, minlength=num_buckets)
        sums = torch.zeros(num_buckets, dtype=torch.float64).scatter_add(0, buckets, squares)
        # One entry for each batch that visited a bucket: a single row's loss is mostly 0 where few tokens are masked.
        for bucket in counts.nonzero()[:, 0].tolist():
            mean = float(sums[bucket] / counts[bucket])
            self.losses[bucket, int(self.counts[bucket]) % memory] = mean**0.5
            self.counts[bucket] += 1

    def state(self) -> Tensor:
        return torch.cat([self.losses, self.counts[:, None]], dim=1)

    def load_state(self, state: Tensor) -> None:
        self.losses, self.counts = state[:, :-1].clone(), state[:, -1].clone()
