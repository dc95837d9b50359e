"""Polymers as pSMILES: repeat units whose two stars are the bonds to their neighbours."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from taskloom import InputPath, OneOf

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.files import read_corpus
from taskloom_diffusion.corpora.intake import Options
from taskloom_diffusion.corpora.molecular_form import FLAT, Form
from taskloom_diffusion.corpora.polymer_unit import PolymerForm
from taskloom_diffusion.corpora.polymers import synthetic_polymers
from taskloom_diffusion.metrics.base import MetricSuite
from taskloom_diffusion.metrics.molecules import PolymerMetrics
from taskloom_diffusion.task import CorpusTask


class PolymersConfig(DiffusionConfig):
    """Synthetic polymers, or a file of real ones."""

    path: InputPath | None = None
    """File of pSMILES: a line each, or a column of a table; without it, about 2,850 synthetic repeat units."""
    column: str = ""
    """Column of a CSV or TSV file, or field of JSON Lines; empty means whole lines."""
    spelling: Literal["canonical", "as_written"] = "canonical"
    """Spelling of a file's repeat units."""
    period: Literal["smallest", "keep"] = "smallest"
    """Repeat units of a file that are a smaller one several times over: written as the smaller one, or kept."""
    num_polymers: Annotated[int, Field(ge=0)] = 0
    """At most this many synthetic polymers; 0 is all."""
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share that is tested on."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 80
    """Longest sequence [tokens]."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = PolymerMetrics()
    """Metrics of generated sequences."""

    def options(self) -> Options:
        """Return how a file is read: as repeat units, or, for a model of synthetic polymers, in their published form."""
        if self.path is None:
            return Options("smiles", FLAT)
        return Options("polymers", Form(spelling=self.spelling), PolymerForm(self.period))


class Polymers(CorpusTask[PolymersConfig]):
    """Generate polymer repeat units."""

    def load_corpus(self) -> Corpus:
        config = self.config
        rule = config.split_rule(config.holdout_share)
        if config.path is not None:
            return read_corpus(config.path, config.column, config.options(), rule, flat_keys=False)
        return synthetic_polymers(config.num_polymers, rule)
