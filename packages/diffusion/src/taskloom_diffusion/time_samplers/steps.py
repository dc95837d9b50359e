"""Levels on a grid of steps, for a bound that is a sum over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom_diffusion.time_samplers.base import Levels, LevelSampler, TimeSampler, strata

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class StepGrid(TimeSampler):
    """The ends t = i/T of the steps of a grid, i uniform on 1..T; a loss asks for them, and no config.

    T times the expectation of a step is the sum over steps.
    """

    num_steps: int
    """Steps T."""

    def draw(
        self, sampler: LevelSampler, num_maskable: Tensor, generator: torch.Generator, versions: int
    ) -> Levels:
        v = strata(len(num_maskable) * versions, generator)
        step = (v * self.num_steps).floor().clamp_max(self.num_steps - 1)
        t, earlier = (step + 1) / self.num_steps, step / self.num_steps
        alpha, previous = sampler.schedule.alpha(t), sampler.schedule.alpha(earlier)
        return Levels(t, alpha, self.num_steps * (previous - alpha), previous_alpha=previous)
