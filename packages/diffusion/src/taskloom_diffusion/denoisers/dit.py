"""A small bidirectional transformer: the default of every task but the toy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from taskloom_diffusion.denoisers.base import Denoiser, Dropout, Heads, Layers, Width, check_heads

if TYPE_CHECKING:
    from torch import nn

    from taskloom_diffusion.model.part import Surroundings


class DiT(Denoiser):
    """Transformer with rotary and absolute positions and short convolutions.

    DiT (Peebles & Xie 2023) without its image parts: where time matters, it enters through adaptive norms.
    """

    kind: Literal["dit"] = "dit"
    width: Width = 128
    """Width of the residual stream."""
    num_layers: Layers = 4
    """Transformer blocks."""
    num_heads: Heads = 4
    """Attention heads."""
    mlp_ratio: Annotated[float, Field(ge=1, le=16)] = 4.0
    """Width of the feed-forward layer over the width of the stream."""
    time_conditioning: bool = False
    """Feed the noise level through adaptive norms; needed by noise other than the mask, where it is switched on anyway."""
    dropout: Dropout = 0.0
    """Dropout on the residual branches."""
    convolution: Annotated[int, Field(ge=0, le=63)] = 5
    """Positions that a short convolution before attention and the feed-forward layer sums over, an odd number; 0 is none."""
    query_key_norm: bool = True
    """Give queries and keys unit root mean square, times a learned factor per head."""
    noised_layers: Annotated[int, Field(ge=0, le=96)] = 0
    """With `block_size`: how many of the last layers noised blocks pass; clean ones, which are looked back at, pass all
    (E2D2, Arriola et al. 2025). 0 is all."""

    @model_validator(mode="after")
    def _fits(self) -> DiT:
        if self.convolution and self.convolution % 2 == 0:
            raise ValueError(
                f"convolution = {self.convolution} must be odd, as many neighbours before as after, or 0"
            )
        check_heads(self.num_heads, self.width, even=True)
        if self.noised_layers > self.num_layers:
            raise ValueError(
                f"noised_layers = {self.noised_layers} must be at most num_layers = {self.num_layers}"
            )
        return self

    def check(self, config: Surroundings) -> str:
        if self.noised_layers and not config.block_size:
            return (
                f"denoiser.noised_layers = {self.noised_layers} is for sequences in blocks; "
                "set block_size too, or leave it out"
            )
        return super().check(config)

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.denoisers.dit_torch import DiTNetwork  # torch is heavy

        return DiTNetwork(vocab_size, max_length, **self.model_dump(exclude={"kind"}))
