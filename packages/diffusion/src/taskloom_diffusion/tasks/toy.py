"""A toy law whose entropy is known exactly: the ground that likelihoods and samplers are checked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import OneOf

from taskloom_diffusion.config import (
    DiffusionConfig,
    EvaluateConfig,
    OptimizerSettings,
    TrainConfig,
)
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.metrics.base import MetricSuite
from taskloom_diffusion.metrics.text import SequenceMetrics
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.task import CorpusTask
from taskloom_diffusion.tokenizers.base import Tokenizer
from taskloom_diffusion.tokenizers.symbols import Char

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
    denoiser: Annotated[Denoiser, OneOf("taskloom_diffusion.denoisers")] = MLPDenoiser()
    """The network; `table` is the exact posterior and needs train.steps = 0."""
    tokenizer: Annotated[Tokenizer, OneOf("taskloom_diffusion.tokenizers")] = Char()
    """Tokenizer that turns words into tokens."""
    sampler: Annotated[Sampler, OneOf("taskloom_diffusion.samplers")] = FirstHitting()
    """Sampler that generates words."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = SequenceMetrics()
    """Metrics of generated words."""
    train: TrainConfig = TrainConfig(
        steps=300, batch_size=256, ema=0.99, optimizer=OptimizerSettings(lr=1e-2)
    )
    """Training."""
    evaluate: EvaluateConfig = EvaluateConfig(num_samples=5000, num_holdout=2000, batch_size=5000)
    """Evaluation."""


class ToyTask(CorpusTask[ToyConfig]):
    """Learn a law of known entropy."""

    def load_corpus(self) -> Corpus:
        from taskloom_diffusion.corpora.toys import toy_corpus  # torch is heavy

        config = self.config
        return toy_corpus(
            config.num_tokens, config.length, config.law_seed, config.num_sequences, config.seed
        )
