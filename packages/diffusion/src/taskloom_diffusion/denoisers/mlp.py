"""A network without attention: the default of the toy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.denoisers.base import Denoiser, Width

if TYPE_CHECKING:
    from torch import nn


class MLPDenoiser(Denoiser):
    """Two hidden layers over the whole sequence, for toys."""

    kind: Literal["mlp"] = "mlp"
    width: Width = 64
    """Hidden width."""
    embedding: Annotated[int, Field(ge=2, le=256)] = 16
    """Width of a token's embedding."""

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.denoisers.mlp_torch import MLPNetwork  # torch is heavy

        return MLPNetwork(vocab_size, max_length, width=self.width, embedding=self.embedding)
