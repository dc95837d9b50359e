"""Sets of molecules that `tasks diffusion benchmark` compares, and their references: files, runs, MOSES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.errors import ConfigError, UsageError
from taskloom.opening import open_run, task_of

from taskloom_diffusion.chemistry.benchmarking import (
    FLOORS,
    MoleculeBenchmark,
    data_packages,
    reference_of,
)
from taskloom_diffusion.chemistry.figures import BenchmarkFigure
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import (
    MoleculeReference,
    moses_reference,
)
from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.intake import Options, read, source_rows
from taskloom_diffusion.corpora.rows import column_of, kind_of
from taskloom_diffusion.evaluation.kept_corpus import compared
from taskloom_diffusion.evaluation.sampling import draw_lengths, sample_lengths
from taskloom_diffusion.evaluation.trained import model_of_run

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


class Comparands:
    """Sets of molecules to compare, by their names, and the reference that they are compared with.

    Args:
        store: The folder of runs.
        column: Of tables.
        num: Molecules of each set; 0 takes all that a file or a run has.
        seed: Of those that are drawn.

    Attributes:
        notes: Sentences about what was left out of references.
    """

    def __init__(self, store: Path | None, column: str, num: int, seed: int) -> None:
        self._store, self._column, self._num, self._seed = store, column, num, seed
        self.notes: list[str] = []

    def texts(self, name: str) -> list[str]:
        """Return the SMILES of a file, or the samples of a run; of a run more than it has are drawn.

        Raises:
            UsageError: The file cannot be read or has too few, or the run's samples are no molecules.
            RunNotFoundError: It is neither a file nor a run.
        """
        if Path(name).is_file():
            return self._of_file(Path(name))
        run = self.run(name)
        if self._num:
            return self._drawn(run)
        return run.read("samples").decode().splitlines()

    def run(self, name: str) -> Run:
        """Return a run whose samples are molecules.

        Raises:
            UsageError: They are not.
            RunNotFoundError: There is no such run.
        """
        run = open_run(name, self._store)
        is_ours = run.domain == "diffusion" and "samples/valid" in run.metrics
        if not is_ours or run.task == "polymers":
            raise UsageError(
                f"the run {run.id} is of '{run.domain}/{run.task}', whose samples are no whole molecules; give a file of SMILES or a run "
                "of 'smiles', 'moses', 'qm9' or 'file'"
            )
        return run

    def _of_file(self, path: Path) -> list[str]:
        self._check_column(path)
        try:
            # What cannot be read is a text that is no molecule, and counts as such.
            rows = source_rows(path, Options("smiles"), column_of(path, self._column))
            texts = ["" if row.fault else row.text for row in rows]
        except ConfigError as error:
            raise UsageError(error.message.removeprefix("path: ")) from None
        if not texts:
            raise UsageError(f"'{path}' has no line")
        if self._num > len(texts):
            raise UsageError(f"--num {self._num} is above the {len(texts)} lines of '{path}'")
        if not self._num:
            return texts
        # By lot, not by rank: a rank is the text's, and copies of a molecule would come or stay together.
        chosen = np.random.default_rng(self._seed).choice(len(texts), self._num, replace=False)
        return [texts[i] for i in chosen]

    def _drawn(self, run: Run) -> list[str]:
        config: DiffusionConfig = _bound(run).config
        model = model_of_run(run)
        lengths = draw_lengths(model.length_histogram, self._num, self._seed)
        made = sample_lengths(
            model, config.sampler, lengths, seed=self._seed, batch_size=config.evaluate.batch_size
        )
        return list(made.texts)

    def reference(
        self, asked: str, train: Path | None, targets: Sequence[str]
    ) -> MoleculeReference:
        """Return what is compared with.

        Args:
            asked: `moses`, a file of SMILES, or empty: of a single run its own corpus, else MOSES.
            train: A file of what was trained on.
            targets: The sets.

        Raises:
            UsageError: There is no such file, it has no molecule, or a run's corpus has changed.
        """
        if not asked and len(targets) == 1 and not Path(targets[0]).is_file():
            return self._of_run(self.run(targets[0]))
        if asked in ("", "moses"):
            if train is not None:
                raise UsageError("--train is for --reference PATH: MOSES has a training set")
            return moses_reference()
        path = Path(asked)
        if not path.is_file():
            raise UsageError(f"--reference '{asked}' is neither 'moses' nor a file")
        learnt = None if train is None else self._molecules("--train", train)
        return reference_of(
            path.name,
            self._molecules("--reference", path),
            learnt,
            with_chemnet=data_packages().chemnet,
        )

    def _check_column(self, path: Path) -> None:
        if kind_of(path) in (".csv", ".tsv", ".parquet") and not self._column:
            raise UsageError(f"'{path}' is a table; --column NAME says where its molecules are")

    def _molecules(self, option: str, path: Path) -> list[str]:
        self._check_column(path)
        try:
            found = read(path, Options("smiles"), column_of(path, self._column))
        except ConfigError as error:
            raise UsageError(error.message.replace("path:", option, 1)) from None
        if not found.items:
            raise UsageError(f"{option} '{path}' has no molecule that RDKit accepts")
        self.notes += [
            f"left out of '{path}': {found.sentence({reason: count})}"
            for reason, count in found.dropped.items()
        ]
        return [item.text for item in found.items]

    def _of_run(self, run: Run) -> MoleculeReference:
        corpus = compared(run, _bound(run), model_of_run(run).tokenizer).prepared.corpus
        return reference_of(
            f"the test part of run {run.id}",
            list(corpus.test),
            list(corpus.train),
            with_chemnet=data_packages().chemnet,
        )


def _bound(run: Run) -> BoundCorpus:
    found: Any = task_of(run)
    bound: BoundCorpus = found
    return bound


def benchmarked(
    sets: Mapping[str, Sequence[str]],
    reference: MoleculeReference,
    suites: Sequence[str],
    floor: int = FLOORS,
) -> dict[str, dict[str, BenchmarkFigure]]:
    """Return the figures of sets of texts by their names."""
    bench = MoleculeBenchmark(reference, suites, data_packages(), floor)
    return {name: bench.figures(MoleculeSet(texts)) for name, texts in sets.items()}
