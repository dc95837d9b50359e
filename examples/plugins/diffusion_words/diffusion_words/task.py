"""Words."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from taskloom import OneOf
from taskloom_diffusion import (
    Char,
    Corpus,
    CorpusTask,
    DiffusionConfig,
    MetricSuite,
    SequenceMetrics,
    Tokenizer,
)
from taskloom_diffusion.corpora.corpus import split_corpus

CORPUS = Path(__file__).with_name("corpus.txt")


class WordsConfig(DiffusionConfig):
    """Parameters of the corpus; process, network, training and sampler are chosen beside them."""

    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the sequences held out of training."""
    tokenizer: Annotated[Tokenizer, OneOf("taskloom_diffusion.tokenizers")] = Char()
    """Tokenizer that turns text into tokens."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = SequenceMetrics()
    """Metrics of generated sequences."""


class Words(CorpusTask[WordsConfig]):
    """Sequences of a file beside this one, one a line: training bounds their log-likelihood, sampling makes new ones."""

    def load_corpus(self) -> Corpus:
        """Return the sequences, split by the seed into training and held-out ones."""
        lines = CORPUS.read_text(encoding="utf-8").splitlines()
        texts = [line for line in lines if line]
        return split_corpus("words", texts, self.config.holdout_share, self.config.split_seed)
