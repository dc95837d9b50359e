"""Block after block (SSD-LM, Han et al. 2023; LLaDA, Nie et al. 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.samplers.reveal import RevealSampler, View, confidence, take_best

if TYPE_CHECKING:
    from torch import Tensor


class SemiAutoregressive(RevealSampler):
    """Blocks from left to right, likeliest tokens first."""

    kind: Literal["semi_autoregressive"] = "semi_autoregressive"
    block_size: Annotated[int, Field(ge=1)] = 8
    """Positions of a block."""
    calls_per_block: Annotated[int, Field(ge=1)] = 8
    """Network calls for a whole block."""

    def choose(self, view: View) -> Tensor:
        import torch  # torch is heavy

        block = torch.arange(view.masked.shape[1]) // self.block_size
        # Rows that are finished have no first block: a number above all others leaves them without one.
        first = torch.where(view.masked, block, block[-1] + 1).min(1, keepdim=True).values
        inside = view.masked & (block == first)
        per_call = -(-self.block_size // self.calls_per_block)
        count = torch.full_like(view.initial, per_call)
        return take_best(confidence(view), inside, count)
