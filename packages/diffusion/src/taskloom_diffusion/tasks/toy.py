"""A toy law whose entropy is known exactly: the ground that likelihoods and samplers are checked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator
from taskloom import OneOf

from taskloom_diffusion.config import (
    DiffusionConfig,
    EvaluateConfig,
    OptimizerSettings,
    TrainConfig,
)
from taskloom_diffusion.denoisers.base import DenoiserConfig, Mlp, Table
from taskloom_diffusion.metrics.base import MetricSuite, Sequences
from taskloom_diffusion.samplers.base import FirstHitting, SamplerConfig
from taskloom_diffusion.task import DiffusionProblem
from taskloom_diffusion.tokenizers.base import Char, TokenizerConfig

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus


class ToyConfig(DiffusionConfig):
    """A random law over short words."""

    num_tokens: Annotated[int, Field(ge=2, le=8)] = 2
    """Letters."""
    length: Annotated[int, Field(ge=2, le=6)] = 2
    """Length of a word."""
    law_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the law; 0 with two letters and length 2 is p(aa) = 1/2, p(ab) = p(ba) = 1/8, p(bb) = 1/4."""
    num_sequences: Annotated[int, Field(ge=2)] = 4000
    """Words drawn from the law for training."""
    denoiser: Annotated[DenoiserConfig, OneOf("taskloom_diffusion.denoisers")] = Mlp()
    """The network; `table` is the exact posterior and needs train.steps = 0."""
    tokenizer: Annotated[TokenizerConfig, OneOf("taskloom_diffusion.tokenizers")] = Char()
    """How words become tokens."""
    sampler: Annotated[SamplerConfig, OneOf("taskloom_diffusion.samplers")] = FirstHitting()
    """How words are generated."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = Sequences()
    """What generated words are judged by."""
    train: TrainConfig = TrainConfig(
        steps=300, batch_size=256, ema=0.99, optimizer=OptimizerSettings(lr=1e-2)
    )
    """Training."""
    evaluate: EvaluateConfig = EvaluateConfig(num_samples=5000, num_holdout=2000, batch_size=5000)
    """Evaluation."""

    @model_validator(mode="after")
    def _table_is_the_same_toy(self) -> ToyConfig:
        if isinstance(self.denoiser, Table):
            if self.train.steps:
                raise ValueError(
                    "denoiser = 'table' is exact and has nothing to train; set train.steps = 0"
                )
            mine = (self.num_tokens, self.length, self.law_seed)
            theirs = (self.denoiser.num_tokens, self.denoiser.length, self.denoiser.law_seed)
            if mine != theirs:
                raise ValueError(
                    f"denoiser.num_tokens, length and law_seed are {theirs}, those of the toy {mine}; they must agree"
                )
        return self


class Toy(DiffusionProblem[ToyConfig]):
    """Learn a law of known entropy."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)

    def load_corpus(self) -> Corpus:
        # torch is imported only by a task that runs.
        from taskloom_diffusion.corpora.toys import toy_corpus

        config = self.config
        return toy_corpus(
            config.num_tokens, config.length, config.law_seed, config.num_sequences, config.seed
        )
