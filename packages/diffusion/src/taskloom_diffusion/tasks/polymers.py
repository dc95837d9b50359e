"""Polymers as pSMILES: repeat units whose two stars are the bonds to their neighbours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from taskloom import InputPath, OneOf

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.files import read_file
from taskloom_diffusion.corpora.polymers import synthetic_polymers
from taskloom_diffusion.metrics.base import MetricSuite
from taskloom_diffusion.metrics.molecules import PolymerMetrics
from taskloom_diffusion.task import CorpusTask


class PolymersConfig(DiffusionConfig):
    """Synthetic polymers, or a file of real ones."""

    path: InputPath | None = None
    """File with one pSMILES a line; without it, about 2,850 synthetic repeat units."""
    num_polymers: Annotated[int, Field(ge=0)] = 0
    """At most this many synthetic polymers; 0 is all."""
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share held out of training."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 80
    """Longest sequence [tokens]."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = PolymerMetrics()
    """Metrics of generated sequences."""


class Polymers(CorpusTask[PolymersConfig]):
    """Generate polymer repeat units."""

    def load_corpus(self) -> Corpus:
        config = self.config
        if config.path is not None:
            return read_file(config.path, "", "smiles", config.holdout_share, config.seed)
        return synthetic_polymers(config.num_polymers, config.holdout_share, config.seed)
