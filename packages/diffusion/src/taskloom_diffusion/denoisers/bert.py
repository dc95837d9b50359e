"""BERT, as PolyDiff uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from taskloom_diffusion.denoisers.base import Denoiser, Dropout, Heads, Layers, Width, check_heads

if TYPE_CHECKING:
    from torch import nn


class BERT(Denoiser):
    """Hugging Face's BERT, told the time with its input embeddings.

    PolyDiff added the time after the last layer instead.
    """

    kind: Literal["bert"] = "bert"
    width: Width = 256
    """Hidden size."""
    num_layers: Layers = 6
    """Transformer layers."""
    num_heads: Heads = 8
    """Attention heads."""
    feed_forward: Annotated[int, Field(ge=8)] = 1024
    """Intermediate size."""
    dropout: Dropout = 0.1
    """Dropout of hidden states and attention."""
    num_timesteps: Annotated[int, Field(ge=2)] = 1000
    """Rows of the embedding of the noise level."""
    time_conditioning: Literal["input", "output_add", "none"] = "input"
    """Entry of time; `output_add` is PolyDiff's, which is the same logit vector at every position."""

    @model_validator(mode="after")
    def _heads_divide(self) -> BERT:
        check_heads(self.num_heads, self.width)
        return self

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.denoisers.bert_torch import BERTNetwork  # torch is heavy

        return BERTNetwork(vocab_size, max_length, **self.model_dump(exclude={"kind"}))
