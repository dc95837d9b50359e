"""The base of the domain's tasks: read a corpus, train, sample, evaluate, leave a model behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from taskloom import Finding, JsonValue, Result, RunContext

from taskloom_diffusion.config import DiffusionConfig

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus

C = TypeVar("C", bound=DiffusionConfig)


class DiffusionProblem(ABC, Generic[C]):
    """A corpus to model: p(x) over token sequences x, bounded by diffusion.

    A task of this domain says where the sequences come from; everything else is the solver in its config.
    """

    def __init__(self, config: C) -> None:
        self._config = config

    @property
    def config(self) -> C:
        """The config that fully determines the run."""
        return self._config

    @abstractmethod
    def load_corpus(self) -> Corpus:
        """Return the sequences, split into training and held-out ones."""

    def check(self) -> Iterable[Finding]:
        """Look at the noise schedule and the corpus without training anything."""
        # Imported here: this module must stay light, and these need torch.
        from taskloom_diffusion.driver import check_problem

        return check_problem(self)

    def run(self, ctx: RunContext, /) -> Result:
        """Train, sample and evaluate."""
        from taskloom_diffusion.driver import run_problem

        return run_problem(self, ctx, None)

    def resume(self, ctx: RunContext, checkpoint: Path, /) -> Result:
        """Continue from a checkpoint to the same end."""
        from taskloom_diffusion.driver import run_problem

        return run_problem(self, ctx, checkpoint)

    def describe(self) -> Mapping[str, JsonValue]:
        """Return the corpus' size and licence."""
        corpus = self.load_corpus()
        return {
            "corpus": corpus.name,
            "licence": corpus.licence,
            "training sequences": len(corpus.train),
            "held-out sequences": len(corpus.holdout),
            "left out": corpus.describe_dropped(prefix=False) or "nothing",
        }
