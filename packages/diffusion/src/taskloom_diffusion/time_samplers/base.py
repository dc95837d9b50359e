"""How noise levels are chosen in training: configs. Every sampler is unbiased for the bound, except where it says so."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from taskloom import Component

if TYPE_CHECKING:
    from taskloom_diffusion.schedules.base import Schedule
    from taskloom_diffusion.time_samplers.draws import LevelSampler


class TimeSampler(Component):
    """A law of noise levels; a config that builds the sampler for a schedule."""

    biased: ClassVar[bool] = False

    @abstractmethod
    def build(self, schedule: Schedule) -> LevelSampler:
        """Build the sampler."""


class UniformTime(TimeSampler):
    """Independent uniform times."""

    kind: Literal["uniform"] = "uniform"

    def build(self, schedule: Schedule) -> LevelSampler:
        from taskloom_diffusion.time_samplers.draws import TimeGrid

        return TimeGrid(schedule, stratified=False)


class LowDiscrepancy(TimeSampler):
    """One time in each of B equal strata: (i + u_i) / B (Kingma et al. 2021; MDLM)."""

    kind: Literal["low_discrepancy"] = "low_discrepancy"

    def build(self, schedule: Schedule) -> LevelSampler:
        from taskloom_diffusion.time_samplers.draws import TimeGrid

        return TimeGrid(schedule, stratified=True)


class ExactCount(TimeSampler):
    """The number of masked tokens is drawn uniformly instead of a level: the same bound with far less variance."""

    kind: Literal["exact_count"] = "exact_count"

    def build(self, schedule: Schedule) -> LevelSampler:
        from taskloom_diffusion.time_samplers.draws import CountSampler

        return CountSampler()


class LogUniform(TimeSampler):
    """The mask rate is uniform on a log scale above `floor`, with a small share below so that nothing is dropped."""

    kind: Literal["log_uniform"] = "log_uniform"
    floor: Annotated[float, Field(gt=0, lt=0.5)] = 1e-3
    """Mask rate at which the log scale begins."""

    def build(self, schedule: Schedule) -> LevelSampler:
        from taskloom_diffusion.time_samplers.draws import LogUniformSampler

        return LogUniformSampler(schedule, self.floor)


class History(TimeSampler):
    """Importance sampling by the losses seen so far in each of several intervals of time (Nichol & Dhariwal 2021)."""

    kind: Literal["history"] = "history"
    num_buckets: Annotated[int, Field(ge=2, le=1000)] = 20
    """Intervals of time."""
    memory: Annotated[int, Field(ge=1, le=1000)] = 10
    """Batches whose losses are kept for each; until all are full, times are uniform."""
    uniform_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the uniform law mixed in, so that no interval starves."""

    def build(self, schedule: Schedule) -> LevelSampler:
        from taskloom_diffusion.time_samplers.history import HistorySampler

        return HistorySampler(schedule, self.num_buckets, self.memory, self.uniform_share)


class Clipped(TimeSampler):
    """Only mask rates between two limits (BD3-LM): less variance, but no longer the bound; `evaluate` refuses it."""

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

    def build(self, schedule: Schedule) -> LevelSampler:
        from taskloom_diffusion.time_samplers.draws import ClippedSampler

        return ClippedSampler(schedule, self.low, self.high)
