"""Noise levels with weights: pairs (alpha, flow) with E[flow * G(alpha)] = int G d alpha."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.closed_form import Linear
from taskloom_diffusion.schedules.inverse import inverse_alpha

_FLOOR = 1e-5  # mask rate at which levels of noise without a mask stop being equally likely on a log scale


@dataclass(frozen=True)
class Levels:
    """The noise levels of a batch.

    Attributes:
        time: (B,) in [0, 1], float64.
        alpha: Signal (B,), float64.
        flow: Weight (B,): the integrand of the bound times the flow is an unbiased estimate of the bound.
        counts: How many positions to mask in each row (B,), or None to mask each with probability 1 - alpha.
        previous_alpha: Signal one step earlier (B,) on a grid of steps, where the loss is a bound of T steps.
    """

    time: Tensor
    alpha: Tensor
    flow: Tensor
    counts: Tensor | None = None
    previous_alpha: Tensor | None = None


class LevelSampler(Protocol):
    """Draws noise levels, and may learn from the losses."""

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        """Draw a level for each row, given its number of maskable positions (B,)."""
        ...

    def observe(self, levels: Levels, losses: Tensor) -> None:
        """See the estimates of the bound that the rows (B,) gave."""
        ...

    def state(self) -> Tensor:
        """Return what has been learnt as one float64 tensor, for checkpoints."""
        ...

    def load_state(self, state: Tensor) -> None:
        """Restore what `state` returned."""
        ...


class Memoryless:
    """The half of a level sampler that learns nothing."""

    def observe(self, levels: Levels, losses: Tensor) -> None:
        del levels, losses

    def state(self) -> Tensor:
        return torch.zeros(0, dtype=torch.float64)

    def load_state(self, state: Tensor) -> None:
        del state


def strata(num: int, generator: torch.Generator, *, stratified: bool) -> Tensor:
    """Return `num` uniform variates, float64; stratified ones lie one in each [i/num, (i+1)/num), in random order."""
    u = torch.rand(num, generator=generator, dtype=torch.float64)
    if not stratified:
        return u
    # The order is shuffled because rows of a batch are sorted by nothing in particular but may be cut by lengths.
    return ((torch.arange(num, dtype=torch.float64) + u) / num)[
        torch.randperm(num, generator=generator)
    ]


def least_variance(*, masks: bool) -> LevelSampler:
    """Return the levels to estimate a bound with, whatever those of training are; `masks` says whether noise is the mask."""
    if masks:
        return CountSampler()
    # A token that was hardly noised is rarely changed and then weighs about 1 / (1 - alpha): under uniform levels the
    # error has no finite variance, and the mean of a few thousand draws is mostly too low.
    return LogUniformSampler(Linear(), _FLOOR)


def draw_versions(
    sampler: LevelSampler, num_maskable: Tensor, versions: int, generator: torch.Generator
) -> Levels:
    """Return levels for several noised versions of each row, one version of all rows after the other."""
    if versions > 1 and isinstance(sampler, CountSampler):
        return sampler.draw_versions(num_maskable, versions, generator)
    return sampler.draw(num_maskable.repeat(versions), generator)


class TimeGrid(Memoryless):
    """Times uniform on [0, 1], independent or one per stratum."""

    def __init__(self, schedule: Schedule, *, stratified: bool) -> None:
        self.schedule = schedule
        self.stratified = stratified

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        t = strata(len(num_maskable), generator, stratified=self.stratified)
        return Levels(t, self.schedule.alpha(t), -self.schedule.dalpha(t))


class CountSampler(Memoryless):
    """The number of masked positions k is uniform on 1..n, stratified over the batch.

    Given the mask rate u, k is binomial; integrating u out of du/u * E[sum over masked] leaves n E_k[(1/k) sum], the
    any-order autoregressive form of the bound. Only absorbing noise has such a k.
    """

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        return self._levels(strata(len(num_maskable), generator, stratified=True), num_maskable)

    def draw_versions(
        self, num_maskable: Tensor, versions: int, generator: torch.Generator
    ) -> Levels:
        """Return levels of all rows, then of all rows again, and so on; those of one row are spread evenly over 1..n."""
        u = strata(len(num_maskable), generator, stratified=True)
        turns = torch.arange(versions, dtype=torch.float64) / versions
        spread = ((u + turns[:, None]) % 1.0).flatten()
        return self._levels(spread, num_maskable.repeat(versions))

    def _levels(self, u: Tensor, num_maskable: Tensor) -> Levels:
        counts = (u * num_maskable).floor().long().clamp_max(num_maskable - 1).clamp_min(0) + 1
        # The level a network is told is the mean of the mask rate's posterior Beta(k, n - k + 1).
        alpha = 1 - counts.double() / (num_maskable + 1)
        flow = (1 - alpha) * num_maskable / counts
        return Levels(1 - alpha, alpha, flow, counts)


class CountsInParts(CountSampler):
    """One of several draws of the same rows, each from its own part of 1..n: together they are spread evenly.

    Left to chance, all draws of a row may mask nearly everything, and how hard that is differs by nats.

    Args:
        part: Which draw this is.
        num_parts: Draws of every row.
        seed: Of where in its parts each row is; the same for all draws.
    """

    def __init__(self, part: int, num_parts: int, seed: int) -> None:
        self.part = part
        self.num_parts = num_parts
        self.seed = seed

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        del generator
        where = torch.Generator().manual_seed(self.seed)
        inside = strata(len(num_maskable), where, stratified=True)
        return self._levels((self.part + inside) / self.num_parts, num_maskable)


class LogUniformSampler(Memoryless):
    """Mask rate u with density (1-p)/(u ln(1/floor)) above the floor and p/floor below it, p = 0.02."""

    share_below = 0.02

    def __init__(self, schedule: Schedule, floor: float) -> None:
        self.schedule = schedule
        self.floor = floor

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        v = strata(len(num_maskable), generator, stratified=True)
        p, span = self.share_below, math.log(1 / self.floor)
        above = self.floor * ((v - p) / (1 - p) * span).exp()
        u = torch.where(v < p, v / p * self.floor, above)
        density = torch.where(u < self.floor, p / self.floor, (1 - p) / (u * span))
        return Levels(inverse_alpha(self.schedule, 1 - u), 1 - u, 1 / density)


class ClippedSampler(Memoryless):
    """Mask rate uniform on [low, high], weighted as if that were all of [0, 1]: biased on purpose."""

    def __init__(self, schedule: Schedule, low: float, high: float) -> None:
        self.schedule = schedule
        self.low = low
        self.high = high

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        v = strata(len(num_maskable), generator, stratified=True)
        alpha = 1 - (self.low + v * (self.high - self.low))
        return Levels(inverse_alpha(self.schedule, alpha), alpha, torch.ones_like(alpha))


class StepSampler(Memoryless):
    """The ends t = i/T of the steps of a grid, i uniform on 1..T; T times the expectation of a step is the sum over steps."""

    def __init__(self, schedule: Schedule, num_steps: int) -> None:
        self.schedule = schedule
        self.num_steps = num_steps

    def draw(self, num_maskable: Tensor, generator: torch.Generator) -> Levels:
        v = strata(len(num_maskable), generator, stratified=True)
        step = (v * self.num_steps).floor().clamp_max(self.num_steps - 1)
        t, earlier = (step + 1) / self.num_steps, step / self.num_steps
        alpha, previous = self.schedule.alpha(t), self.schedule.alpha(earlier)
        return Levels(t, alpha, self.num_steps * (previous - alpha), previous_alpha=previous)
