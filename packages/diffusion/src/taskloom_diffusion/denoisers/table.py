"""The best denoiser there is, for the toys whose law is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from taskloom.errors import ConfigError

from taskloom_diffusion.denoisers.base import Denoiser

if TYPE_CHECKING:
    from torch import nn

    from taskloom_diffusion.model.part import Surroundings


class TableDenoiser(Denoiser):
    """Exact posterior of a toy corpus, by enumeration; nothing is trained."""

    kind: Literal["table"] = "table"
    num_tokens: Annotated[int, Field(ge=2, le=8)] = 2
    """Letters of the toy."""
    length: Annotated[int, Field(ge=2, le=6)] = 2
    """Length of its words."""
    law_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of its law."""

    def check(self, config: Surroundings) -> str:
        toy: Any = config
        if not hasattr(toy, "law_seed"):
            return super().check(config)
        if toy.train.steps:
            return "denoiser = 'table' is exact and has nothing to train; set train.steps = 0"
        mine, theirs = ((x.num_tokens, x.length, x.law_seed) for x in (toy, self))
        if mine != theirs:
            return f"denoiser.num_tokens, length and law_seed are {theirs}, those of the toy {mine}; they must agree"
        return super().check(config)

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        from taskloom_diffusion.corpora.toys import toy_by_seed  # torch is heavy
        from taskloom_diffusion.denoisers.table_torch import ToyPosterior

        del max_length
        toy = toy_by_seed(self.num_tokens, self.length, self.law_seed)
        if toy.vocabulary.size != vocab_size:
            raise ConfigError(
                f"denoiser 'table' is for a toy of {toy.vocabulary.size} tokens, the corpus has {vocab_size}"
            )
        return ToyPosterior(toy.sequences, toy.law, None, leave_one_out=True)
