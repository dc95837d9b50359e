"""Any-subset speculative decoding (Guo and Ermon 2025, arXiv 2504.20456): the law of one token a call, in fewer calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from taskloom_diffusion.samplers.base import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation

Order: TypeAlias = Literal["random", "left_to_right", "entropy", "margin"]
Form: TypeAlias = Literal["fused", "two_call"]
MOST_PROPOSED = 8
"""Tokens that are proposed at once where their number adapts."""


class Speculative(Sampler):
    """The law of one token a call, in fewer calls: tokens are proposed and judged.

    Kept is the law of this network asked for one token a call in this order, whatever it was trained to.
    """

    absorbing: ClassVar[bool] = True
    timeless: ClassVar[bool] = True
    kind: Literal["speculative"] = "speculative"
    order: Order = "random"
    """Order of the positions: any that does not look at proposed tokens keeps the law."""
    form: Form = "fused"
    """`fused` judges and proposes in the same call; `two_call` proposes in a first call and judges in a second one."""
    k: Annotated[int, Field(ge=0, le=64)] = 0
    """Tokens proposed at once; 0 adapts it for each sequence, one more after all were accepted, at most 8."""

    @property
    def states_of_row(self) -> int:
        return (self.k or MOST_PROPOSED) + 1

    def run(self, generation: Generation) -> Tensor:
        from taskloom_diffusion.samplers.speculation import NoiseDice, speculate  # torch is heavy

        alone = self.form == "two_call" and self.k == 1
        dice = NoiseDice(generation.noise, judges=not alone)
        return speculate(generation, dice, order=self.order, form=self.form, k=self.k)
