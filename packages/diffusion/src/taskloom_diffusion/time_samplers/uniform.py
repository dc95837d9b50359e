"""Times uniform on [0, 1], independent or one in each stratum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.time_samplers.base import Levels, LevelSampler, TimeSampler, strata

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from taskloom_diffusion.schedules.base import Schedule


class UniformTime(TimeSampler):
    """Independent uniform times."""

    kind: Literal["uniform"] = "uniform"

    def draw(
        self, sampler: LevelSampler, num_maskable: Tensor, generator: torch.Generator, versions: int
    ) -> Levels:
        times = strata(len(num_maskable) * versions, generator, stratified=False)
        return _at(sampler.schedule, times)


class LowDiscrepancy(TimeSampler):
    """One time in each of B equal strata: (i + u_i) / B.

    Kingma et al. (2021), and MDLM.
    """

    kind: Literal["low_discrepancy"] = "low_discrepancy"

    def draw(
        self, sampler: LevelSampler, num_maskable: Tensor, generator: torch.Generator, versions: int
    ) -> Levels:
        return _at(sampler.schedule, strata(len(num_maskable) * versions, generator))


def _at(schedule: Schedule, t: Tensor) -> Levels:
    """Return the levels of a schedule at times t (B,)."""
    return Levels(t, schedule.alpha(t), -schedule.dalpha(t))
