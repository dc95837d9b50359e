"""Samplers that are written where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.model.own import OwnPart
from taskloom_diffusion.model.part import Surroundings
from taskloom_diffusion.samplers.base import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation


class OwnSampler(OwnPart, Sampler):
    """Sampler of your own, given as an object."""

    kind: Literal["object"] = "object"
    masks_only: bool = False
    """For noise that is the mask and nothing else."""

    def check(self, config: Surroundings) -> str:
        if self.masks_only and not config.process.absorbing:
            return f"sampler '{self.qualname}' reveals masks, and this process has none; use 'ancestral' or 'greedy_tail'"
        return super().check(config)

    def run(self, generation: Generation) -> Tensor:
        # Temperature and nucleus are fields of this part, which the generation was made with.
        tokens: Tensor = self.part.run(generation)
        return tokens
