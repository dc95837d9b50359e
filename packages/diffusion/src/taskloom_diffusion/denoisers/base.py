"""What a denoiser's config is, and the configs of those that are built in."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator
from taskloom import Component
from taskloom.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

_Width = Annotated[int, Field(ge=8, le=8192)]
_Layers = Annotated[int, Field(ge=1, le=96)]
_Heads = Annotated[int, Field(ge=1, le=128)]
_Dropout = Annotated[float, Field(ge=0, lt=1)]


def _divides(heads: int, width: int, *, even: bool = False) -> None:
    if width % heads or (even and (width // heads) % 2):
        kind = "an even number of times " if even else ""
        raise ValueError(f"num_heads = {heads} must divide width = {width} {kind}".strip())


class DenoiserConfig(Component):
    """A network that predicts clean tokens; a config that builds it for a vocabulary."""

    @abstractmethod
    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        """Build the network; its weights come from torch's generator, which the caller seeds."""


class Dit(DenoiserConfig):
    """Transformer with rotary and absolute positions, short convolutions and, where time matters, adaptive norms (DiT, Peebles 2023)."""

    kind: Literal["dit"] = "dit"
    width: _Width = 128
    """Width of the residual stream."""
    num_layers: _Layers = 4
    """Transformer blocks."""
    num_heads: _Heads = 4
    """Attention heads."""
    mlp_ratio: Annotated[float, Field(ge=1, le=16)] = 4.0
    """Width of the feed-forward layer over the width of the stream."""
    time_conditioning: bool = False
    """Feed the noise level through adaptive norms; needed by noise other than the mask, where it is switched on anyway."""
    dropout: _Dropout = 0.0
    """Dropout on the residual branches."""
    convolution: Annotated[int, Field(ge=0, le=63)] = 5
    """Positions that a short convolution before attention and the feed-forward layer sums over, an odd number; 0 is none."""
    query_key_norm: bool = True
    """Give queries and keys unit root mean square, times a learned factor per head."""
    noised_layers: Annotated[int, Field(ge=0, le=96)] = 0
    """With `block_size`: how many of the last layers noised blocks pass; clean ones, which are looked back at, pass all
    (E2D2, Arriola et al. 2025). 0 is all."""

    @model_validator(mode="after")
    def _fits(self) -> Dit:
        if self.convolution and self.convolution % 2 == 0:
            raise ValueError(
                f"convolution = {self.convolution} must be odd, as many neighbours before as after, or 0"
            )
        _divides(self.num_heads, self.width, even=True)
        if self.noised_layers > self.num_layers:
            raise ValueError(
                f"noised_layers = {self.noised_layers} must be at most num_layers = {self.num_layers}"
            )
        return self

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.denoisers.dit import DitDenoiser

        return DitDenoiser(self, vocab_size, max_length)


class Bert(DenoiserConfig):
    """Hugging Face's BERT body with the time added to its input embeddings (PolyDiff added it after the last layer)."""

    kind: Literal["bert"] = "bert"
    width: _Width = 256
    """Hidden size."""
    num_layers: _Layers = 6
    """Transformer layers."""
    num_heads: _Heads = 8
    """Attention heads."""
    feed_forward: Annotated[int, Field(ge=8)] = 1024
    """Intermediate size."""
    dropout: _Dropout = 0.1
    """Dropout of hidden states and attention."""
    num_timesteps: Annotated[int, Field(ge=2)] = 1000
    """Rows of the embedding of the noise level."""
    time_conditioning: Literal["input", "output_add", "none"] = "input"
    """Where time enters; `output_add` is PolyDiff's, which is the same logit vector at every position."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Bert:
        _divides(self.num_heads, self.width)
        return self

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.denoisers.bert import BertDenoiser

        return BertDenoiser(self, vocab_size, max_length)


class Mlp(DenoiserConfig):
    """One hidden layer over the whole sequence: for toys and for tests."""

    kind: Literal["mlp"] = "mlp"
    width: _Width = 64
    """Hidden width."""
    embedding: Annotated[int, Field(ge=2, le=256)] = 16
    """Width of a token's embedding."""

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.denoisers.mlp import MlpDenoiser

        return MlpDenoiser(self, vocab_size, max_length)


class Table(DenoiserConfig):
    """The exact posterior of a toy corpus, by enumeration; nothing is trained."""

    kind: Literal["table"] = "table"
    num_tokens: Annotated[int, Field(ge=2, le=8)] = 2
    """Letters of the toy."""
    length: Annotated[int, Field(ge=2, le=6)] = 2
    """Length of its words."""
    law_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of its law."""

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.corpora.toys import toy_by_seed
        from taskloom_diffusion.denoisers.table import TableDenoiser

        del max_length
        toy = toy_by_seed(self.num_tokens, self.length, self.law_seed)
        if toy.vocabulary.size != vocab_size:
            raise ConfigError(
                f"denoiser 'table' is for a toy of {toy.vocabulary.size} tokens, the corpus has {vocab_size}"
            )
        return TableDenoiser(toy.sequences, toy.law, None, leave_one_out=True)
