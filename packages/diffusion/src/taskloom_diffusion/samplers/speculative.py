"""Any-subset speculative decoding (Guo and Ermon 2025, arXiv 2504.20456): the law of one token a call, in fewer calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from taskloom_diffusion.samplers.base import Order, Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from taskloom_diffusion.samplers.generation import Generation

# Proposals where their number adapts.
_MOST = 8


class Speculative(Sampler):
    """The law of one token a call, in fewer calls: tokens are proposed and judged.

    Kept is the law of this network asked for one token a call in this order, whatever it was trained to.
    """

    absorbing: ClassVar[bool] = True
    timeless: ClassVar[bool] = True
    kind: Literal["speculative"] = "speculative"
    order: Order = "random"
    """Order of the positions: any that does not look at proposed tokens keeps the law."""
    form: Literal["fused", "two_call"] = "fused"
    """`fused` judges and proposes in the same call; `two_call` proposes in a first call and judges in a second one."""
    k: Annotated[int, Field(ge=0, le=64)] = 0
    """Tokens proposed at once; 0 adapts it for each sequence, one more after all were accepted, at most 8."""

    @property
    def states_of_row(self) -> int:
        return (self.k or _MOST) + 1

    def run(self, generation: Generation) -> Tensor:
        from taskloom_diffusion.samplers import speculation  # torch is heavy

        fused = self.form == "fused"
        dice = speculation.NoiseDice(generation.noise, judges=fused or self.k != 1)
        k = self.k or None
        return speculation.speculate(
            generation, dice, order=self.order, fused=fused, k=k, most=_MOST
        )
