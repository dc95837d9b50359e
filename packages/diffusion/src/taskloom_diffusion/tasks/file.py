"""Any sequences of a user: molecules, peptides, words, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from taskloom import InputPath

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.files import read_file
from taskloom_diffusion.task import CorpusTask


class FileConfig(DiffusionConfig):
    """A file of sequences."""

    path: InputPath = Path("corpus.smi")
    """File with one sequence a line, or a CSV or TSV file with a column of them; `.gz` is fine."""
    column: str = ""
    """Column of a CSV or TSV file; empty means whole lines."""
    content: Literal["smiles", "lines"] = "smiles"
    """`smiles` are checked by RDKit, made canonical and freed of duplicates; `lines` stay as they are."""
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share held out of training."""


class File(CorpusTask[FileConfig]):
    """Generate more of what a file holds."""

    def load_corpus(self) -> Corpus:
        # numpy and RDKit are imported only by a task that runs.

        config = self.config
        return read_file(
            config.path, config.column, config.content, config.holdout_share, config.seed
        )
