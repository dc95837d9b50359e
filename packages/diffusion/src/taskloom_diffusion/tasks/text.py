"""English text over 27 characters: Shakespeare (never to be confused with text8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import OneOf

from taskloom_diffusion.config import DiffusionConfig, LengthPolicy
from taskloom_diffusion.metrics.base import MetricSuite
from taskloom_diffusion.metrics.text import TextMetrics
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.task import DiffusionProblem
from taskloom_diffusion.tokenizers.base import Tokenizer
from taskloom_diffusion.tokenizers.symbols import Char

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus


class TextConfig(DiffusionConfig):
    """Letters and spaces."""

    num_characters: Annotated[int, Field(ge=0)] = 0
    """At most this many training characters; 0 is all (about 4.5 million)."""
    tokenizer: Annotated[Tokenizer, OneOf("taskloom_diffusion.tokenizers")] = Char()
    """How text becomes tokens."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = TextMetrics()
    """What generated sequences are judged by."""
    sampler: Annotated[Sampler, OneOf("taskloom_diffusion.samplers")] = RandomGroups(num_calls=64)
    """How sequences are generated."""
    length_policy: LengthPolicy = "window"
    """Running text is cut into windows, at another phase in every epoch."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 128
    """Length of a window [tokens]."""


class Text(DiffusionProblem[TextConfig]):
    """Generate English."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__(config)

    def load_corpus(self) -> Corpus:
        # numpy is imported only by a task that runs.
        from taskloom_diffusion.corpora.text import shakespeare

        return shakespeare(self.config.num_characters)
