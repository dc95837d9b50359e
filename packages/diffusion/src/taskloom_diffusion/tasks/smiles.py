"""Small organic molecules as SMILES, from the sets that RDKit itself ships."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from taskloom import OneOf

from taskloom_diffusion.config import DiffusionConfig, OptimizerSettings, TrainConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.molecules import rdkit_molecules
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.task import CorpusTask


class SmilesConfig(DiffusionConfig):
    """Molecules that come with RDKit."""

    num_molecules: Annotated[int, Field(ge=0)] = 0
    """At most this many molecules; 0 is all (about 14,500)."""
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share that is tested on."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 32
    """Longest sequence [tokens]: half of the molecules are shorter, and what a minute can teach is short molecules."""
    denoiser: Annotated[Denoiser, OneOf("taskloom_diffusion.denoisers")] = DiT(width=64)
    """The network that predicts clean tokens: in the time of the default training one of twice the width learns less."""
    train: TrainConfig = TrainConfig(
        steps=1100,
        ema=0.99,
        optimizer=OptimizerSettings(algorithm="muon", lr=1e-2, schedule="linear", final_share=0.0),
    )
    """Training: a minute of one core, after which the model is better than an n-gram."""


class Smiles(CorpusTask[SmilesConfig]):
    """Generate drug-like molecules."""

    def load_corpus(self) -> Corpus:
        config = self.config
        return rdkit_molecules(config.num_molecules, config.split_rule(config.holdout_share))
