"""MOSES: 1.6 million drug-like molecules with the benchmark's own split (Polykovskiy et al. 2020)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.molecules import moses_molecules
from taskloom_diffusion.task import CorpusTask


class MosesConfig(DiffusionConfig):
    """Molecules of the `molsets` wheel, which is read but never imported."""

    num_molecules: Annotated[int, Field(ge=0)] = 100_000
    """At most this many training molecules; 0 is all 1,584,663."""


class Moses(CorpusTask[MosesConfig]):
    """Generate drug-like molecules of the MOSES benchmark."""

    def load_corpus(self) -> Corpus:
        # The benchmark's own test set stays whole, so no share of it matters.
        return moses_molecules(self.config.num_molecules, self.config.split_rule(0.0))
