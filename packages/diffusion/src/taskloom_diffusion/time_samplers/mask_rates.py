"""Mask rates by a law of their own, whatever the schedule: uniform on a log scale, or between two limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from taskloom_diffusion.schedules.closed_form import LinearSchedule
from taskloom_diffusion.schedules.inverse import inverse_alpha
from taskloom_diffusion.time_samplers.base import Levels, LevelSampler, TimeSampler, strata
from taskloom_diffusion.time_samplers.exact_count import ExactCount

if TYPE_CHECKING:
    from torch import Generator, Tensor

_SHARE_BELOW = 0.02  # of the levels below the floor, so that nothing is dropped
_FLOOR = 1e-5  # mask rate at which levels of noise without a mask stop being equally likely on a log scale


class LogUniform(TimeSampler):
    """Mask rates uniform on a log scale.

    The density of the mask rate u is (1 - p) / (u ln(1 / floor)) above the floor and p / floor below it, p = 0.02.
    """

    kind: Literal["log_uniform"] = "log_uniform"
    floor: Annotated[float, Field(gt=0, lt=0.5)] = 1e-3
    """Mask rate at which the log scale begins."""

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        v = strata(len(sizes) * versions, generator)
        p, span = _SHARE_BELOW, math.log(1 / self.floor)
        above = self.floor * ((v - p) / (1 - p) * span).exp()
        u = (v / p * self.floor).where(v < p, above)
        density = (p / self.floor + 0 * u).where(u < self.floor, (1 - p) / (u * span))
        return Levels(inverse_alpha(at.schedule, 1 - u), 1 - u, 1 / density)


class Clipped(TimeSampler):
    """Mask rates between two limits: less variance, but biased.

    They are weighted as if they were all of [0, 1] (BD3-LM, Arriola et al. 2025); `evaluate` refuses them.
    """

    biased: ClassVar[bool] = True
    kind: Literal["clipped"] = "clipped"
    low: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Lowest mask rate."""
    high: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Highest mask rate."""

    @model_validator(mode="after")
    def _ordered(self) -> Clipped:
        if self.high <= self.low:
            raise ValueError(f"high must be above low: {self.high} <= {self.low}")
        return self

    def draw(self, at: LevelSampler, sizes: Tensor, generator: Generator, versions: int) -> Levels:
        v = strata(len(sizes) * versions, generator)
        alpha = 1 - (self.low + v * (self.high - self.low))
        return Levels(inverse_alpha(at.schedule, alpha), alpha, 0 * alpha + 1)


def least_variance(*, absorbing: bool) -> LevelSampler:
    """Return the levels to estimate a bound with, whatever those of training are."""
    # A token that was hardly noised is rarely changed and then weighs about 1 / (1 - alpha): under uniform levels the
    # error has no finite variance, and the mean of a few thousand draws is mostly too low.
    law = ExactCount() if absorbing else LogUniform(floor=_FLOOR)
    return law.build(LinearSchedule())
