"""English text over 27 characters: Shakespeare (never to be confused with text8)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from taskloom import OneOf

from taskloom_diffusion.config import DiffusionConfig, LengthPolicy
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.text import shakespeare
from taskloom_diffusion.metrics.base import MetricSuite
from taskloom_diffusion.metrics.text import TextMetrics
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.task import CorpusTask
from taskloom_diffusion.tokenizers.base import Tokenizer
from taskloom_diffusion.tokenizers.symbols import Char


class TextConfig(DiffusionConfig):
    """Letters and spaces."""

    num_characters: Annotated[int, Field(ge=0)] = 0
    """At most this many training characters; 0 is all (about 4.5 million)."""
    tokenizer: Annotated[Tokenizer, OneOf("taskloom_diffusion.tokenizers")] = Char()
    """Tokenizer that turns text into tokens."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = TextMetrics()
    """Metrics of generated sequences."""
    sampler: Annotated[Sampler, OneOf("taskloom_diffusion.samplers")] = RandomGroups(num_calls=64)
    """Sampler that generates sequences."""
    length_policy: LengthPolicy = "window"
    """Running text is cut into windows, at another phase in every epoch."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 128
    """Length of a window [tokens]."""


class ShakespeareText(CorpusTask[TextConfig]):
    """Generate English."""

    def load_corpus(self) -> Corpus:
        return shakespeare(self.config.num_characters, self.config.split_rule(0.0))
