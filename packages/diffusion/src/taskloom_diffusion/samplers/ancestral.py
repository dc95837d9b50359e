"""Ancestral sampling: the reverse chain on a grid of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from taskloom_diffusion.samplers.base import Grid, Sampler, Steps

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation


class Ancestral(Sampler):
    """The reverse chain on a grid of steps.

    It is exact for that grid, for every process.
    """

    kind: Literal["ancestral"] = "ancestral"
    num_steps: Steps = 128
    """Steps of the grid."""
    grid: Grid = "schedule"
    """Signal along the grid: the model's schedule, equal steps, or MD4's cosine that reveals few tokens early."""

    def run(self, generation: Generation) -> Tensor:
        return _followed(self, generation)


class AncestralCached(Sampler):
    """The reverse chain, with calls only for sequences that changed.

    It needs a network that is not told the time; calls then stay below the length.
    """

    absorbing: ClassVar[bool] = True
    kind: Literal["ancestral_cached"] = "ancestral_cached"
    num_steps: Steps = 1000
    """Steps of the grid; the calls stay below the length."""
    grid: Grid = "schedule"
    """Signal along the grid."""

    def run(self, generation: Generation) -> Tensor:
        return _followed(self, generation, cached=True)


class GreedyTail(Sampler):
    """The reverse chain, with the likeliest tokens in its last steps.

    Duo's greedy tail (Sahoo et al. 2025).
    """

    kind: Literal["greedy_tail"] = "greedy_tail"
    num_steps: Steps = 128
    """Steps of the grid."""
    tail: Annotated[int, Field(ge=1)] = 1
    """Steps at the end that are greedy."""
    grid: Grid = "schedule"
    """Signal along the grid."""

    def run(self, generation: Generation) -> Tensor:
        return _followed(self, generation, greedy_tail=self.tail)


def _followed(
    sampler: Ancestral | AncestralCached | GreedyTail,
    generation: Generation,
    *,
    cached: bool = False,
    greedy_tail: int = 0,
) -> Tensor:
    from taskloom_diffusion.samplers.chain import follow_chain  # torch is heavy

    return follow_chain(
        generation, sampler.num_steps, sampler.grid, cached=cached, greedy_tail=greedy_tail
    )
