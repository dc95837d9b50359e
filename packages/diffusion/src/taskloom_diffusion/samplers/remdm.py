"""The reverse chain with tokens masked again on the way: ReMDM (Wang et al. 2025), and a forward-backward corrector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from taskloom_diffusion.samplers.base import Grid, Sampler, Steps

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation


class ReMDM(Sampler):
    """The reverse chain with tokens masked again on the way, marginals kept."""

    absorbing: ClassVar[bool] = True
    kind: Literal["remdm"] = "remdm"
    num_steps: Steps = 128
    """Steps of the grid."""
    variant: Literal["cap", "rescale", "confidence", "loop"] = "cap"
    """Law of the remasking probability below its largest allowed value."""
    eta: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Strength: the cap, or the factor of rescale, confidence and loop; 0 is ancestral."""
    loop_alpha: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Signal at which `loop` stays while it remasks."""
    loop_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the steps that `loop` stays."""
    grid: Grid = "schedule"
    """Signal along the grid."""

    @model_validator(mode="after")
    def _loop_has_three_phases(self) -> ReMDM:
        if self.variant == "loop" and self.num_steps < 3:
            raise ValueError(
                f"variant = 'loop' has three phases and needs num_steps >= 3, not {self.num_steps}"
            )
        return self

    def run(self, generation: Generation) -> Tensor:
        loop = (self.loop_alpha, self.loop_share) if self.variant == "loop" else None
        return _remasked(self, generation, self.variant, self.eta, loop)


class ForwardBackward(Sampler):
    """The reverse chain with a forward-backward corrector.

    Every step masks again what the forward process would (Campbell et al. 2022).
    """

    absorbing: ClassVar[bool] = True
    kind: Literal["forward_backward"] = "forward_backward"
    num_steps: Steps = 128
    """Steps of the grid."""
    grid: Grid = "schedule"
    """Signal along the grid."""

    def run(self, generation: Generation) -> Tensor:
        return _remasked(self, generation, "forward_backward", 1.0)


def _remasked(
    sampler: ReMDM | ForwardBackward,
    generation: Generation,
    variant: Literal["cap", "rescale", "confidence", "loop", "forward_backward"],
    eta: float,
    loop: tuple[float, float] | None = None,
) -> Tensor:
    from taskloom_diffusion.samplers.chain import follow_chain  # torch is heavy
    from taskloom_diffusion.samplers.remask import Remasking

    remasking = Remasking(variant, eta)
    return follow_chain(generation, sampler.num_steps, sampler.grid, remasking=remasking, loop=loop)
