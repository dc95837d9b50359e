"""Numbers of masks instead of levels: the same bound with far less variance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.time_samplers.base import Levels, LevelSampler, TimeSampler, strata

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from taskloom_diffusion.model.part import Surroundings


class ExactCount(TimeSampler):
    """Number of masked tokens drawn uniformly, for the least variance.

    The number of masked positions k is uniform on 1..n, stratified over the batch. Given the mask rate u, k is binomial;
    integrating u out of du/u * E[sum over masked] leaves n E_k[(1/k) sum], the any-order autoregressive form of the bound. Only
    absorbing noise has such a k.
    """

    kind: Literal["exact_count"] = "exact_count"

    def check(self, config: Surroundings) -> str:
        if config.process.absorbing:
            return super().check(config)
        also = ", and sampler 'ancestral'" if config.sampler.absorbing else ""
        return (
            "time_sampler = 'exact_count' counts masks, and this process has none; "
            f"use 'low_discrepancy'{also}"
        )

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        import torch  # torch is heavy

        del at  # how fast tokens are masked does not matter once their number is drawn
        u = strata(len(sizes), generator)
        # The versions of one row are spread evenly over 1..n.
        turns = torch.arange(versions, dtype=torch.float64) / versions
        spread = ((u + turns[:, None]) % 1.0).flatten()
        return counted(spread, sizes.repeat(versions))


class CountsInParts(TimeSampler):
    """One of several draws of the same rows, each from its own part of 1..n: together they are spread evenly.

    Left to chance, all draws of a row may mask nearly everything, and how hard that is differs by nats. For evaluation alone.
    """

    part: int
    """Number of this draw."""
    num_parts: int
    """Draws of every row."""
    stream: int
    """Seed of where in its parts each row is; the same for all draws."""

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        import torch  # torch is heavy

        del at, generator, versions  # its own seed places the rows; evaluation draws one version
        where = torch.Generator().manual_seed(self.stream)
        inside = strata(len(sizes), where)
        return counted((self.part + inside) / self.num_parts, sizes)


def counted(u: Tensor, sizes: Tensor) -> Levels:
    """Return levels with numbers of masks from uniform variates (B,)."""
    counts = (u * sizes).floor().long().clamp_max(sizes - 1).clamp_min(0) + 1
    # The level a network is told is the mean of the mask rate's posterior Beta(k, n - k + 1).
    alpha = 1 - counts.double() / (sizes + 1)
    flow = (1 - alpha) * sizes / counts
    return Levels(1 - alpha, alpha, flow, counts)
