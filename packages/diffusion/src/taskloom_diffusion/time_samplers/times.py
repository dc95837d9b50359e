"""Uniform times: independent, one in each stratum, or on a grid of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.time_samplers.base import Levels, LevelSampler, TimeSampler, strata

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from taskloom_diffusion.schedules.base import Schedule


class UniformTime(TimeSampler):
    """Independent uniform times."""

    kind: Literal["uniform"] = "uniform"

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        times = strata(len(sizes) * versions, generator, stratified=False)
        return _at(at.schedule, times)


class LowDiscrepancy(TimeSampler):
    """One time in each of B equal strata: (i + u_i) / B.

    Kingma et al. (2021), and MDLM.
    """

    kind: Literal["low_discrepancy"] = "low_discrepancy"

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        return _at(at.schedule, strata(len(sizes) * versions, generator))


class StepGrid(TimeSampler):
    """The ends t = i/T of the steps of a grid, i uniform on 1..T; a loss asks for them, and no config.

    T times the expectation of a step is the sum over steps.
    """

    num_steps: int
    """Steps T."""

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        v = strata(len(sizes) * versions, generator)
        step = (v * self.num_steps).floor().clamp_max(self.num_steps - 1)
        t, earlier = (step + 1) / self.num_steps, step / self.num_steps
        alpha, previous = at.schedule.alpha(t), at.schedule.alpha(earlier)
        return Levels(t, alpha, self.num_steps * (previous - alpha), previous_alpha=previous)


def _at(schedule: Schedule, t: Tensor) -> Levels:
    """Return the levels of a schedule at times t (B,)."""
    return Levels(t, schedule.alpha(t), -schedule.dalpha(t))
