"""Any sequences of a user: molecules, peptides, words, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.task import DiffusionProblem

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus


class FileConfig(DiffusionConfig):
    """A file of sequences."""

    path: Path = Path("corpus.smi")
    """File with one sequence a line, or a CSV or TSV file with a column of them; `.gz` is fine."""
    column: str = ""
    """Column of a CSV or TSV file; empty means whole lines."""
    content: Literal["smiles", "lines"] = "smiles"
    """`smiles` are checked by RDKit, made canonical and freed of duplicates; `lines` stay as they are."""
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share held out of training."""


class File(DiffusionProblem[FileConfig]):
    """Generate more of what a file holds."""

    def __init__(self, config: FileConfig) -> None:
        super().__init__(config)

    def load_corpus(self) -> Corpus:
        # numpy and RDKit are imported only by a task that runs.
        from taskloom_diffusion.corpora.files import read_file

        config = self.config
        return read_file(
            config.path, config.column, config.content, config.holdout_share, config.seed
        )
