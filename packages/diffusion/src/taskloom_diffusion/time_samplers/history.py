"""Importance sampling of times from the history of losses (Nichol & Dhariwal 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from taskloom_diffusion.time_samplers.base import Levels, LevelSampler, TimeSampler, strata

if TYPE_CHECKING:
    from torch import Generator, Tensor


class History(TimeSampler):
    """Importance sampling of times by past losses.

    The law is piecewise constant, proportional to the root mean square of the last losses in each interval of time.
    """

    learns: ClassVar[bool] = True
    kind: Literal["history"] = "history"
    num_buckets: Annotated[int, Field(ge=2, le=1000)] = 20
    """Intervals of time."""
    memory: Annotated[int, Field(ge=1, le=1000)] = 10
    """Batches whose losses are kept for each; until all are full, times are uniform."""
    uniform_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the uniform law mixed in, so that no interval starves."""

    def init(self) -> Tensor:
        """Return zeros (buckets, memory + 1): the last losses of each interval, and how many there were in all."""
        import torch  # torch is heavy

        return torch.zeros(self.num_buckets, self.memory + 1, dtype=torch.float64)

    def bucket_law(self, history: Tensor) -> Tensor:
        """Return the probability of each interval; uniform until every one has a full memory."""
        losses, counts = history[:, :-1], history[:, -1]
        uniform = 0 * counts + 1 / self.num_buckets
        if bool((counts < self.memory).any()):
            return uniform
        weight = (losses**2).mean(1).sqrt()
        if not bool(weight.sum() > 0):
            return uniform
        return (1 - self.uniform_share) * weight / weight.sum() + self.uniform_share * uniform

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        import torch  # torch is heavy

        law = self.bucket_law(at.memory)
        v = strata(len(sizes) * versions, generator)
        edges = torch.cat([law.new_zeros(1), law.cumsum(0)])
        edges[-1] = 1.0
        bucket = (torch.searchsorted(edges, v, right=True) - 1).clamp(0, len(law) - 1)
        inside = (v - edges[bucket]) / (edges[bucket + 1] - edges[bucket])
        t = (bucket + inside.clamp(0, 1)) / len(law)
        density = law[bucket] * len(law)
        return Levels(t, at.schedule.alpha(t), -at.schedule.dalpha(t) / density)

    def observe(self, at: LevelSampler, levels: Levels, losses: Tensor) -> None:
        import torch  # torch is heavy

        history = at.memory
        buckets = (levels.time * self.num_buckets).long().clamp(0, self.num_buckets - 1)
        slope = -at.schedule.dalpha(levels.time)
        # The bound is the loss at that time over the density of the time; the law is built from the loss itself.
        density = torch.where(levels.flow > 0, slope / levels.flow, 1.0)
        squares = (losses.double() * density) ** 2
        counts = torch.bincount(buckets, minlength=self.num_buckets)
        sums = torch.zeros(self.num_buckets, dtype=torch.float64).scatter_add(0, buckets, squares)
        # One entry for each batch that visited a bucket: a single row's loss is mostly 0 where few tokens are masked.
        for bucket in counts.nonzero()[:, 0].tolist():
            mean = float(sums[bucket] / counts[bucket])
            history[bucket, int(history[bucket, -1]) % self.memory] = mean**0.5
            history[bucket, -1] += 1
