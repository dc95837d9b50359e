"""Designs of a trained model of fragments: decorate, link, grow, optimise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from taskloom_diffusion.evaluation.kept_fragments import fragments_of
from taskloom_diffusion.fragments.design import Designer, DesignOptions, designer_of
from taskloom_diffusion.fragments.filling import FilledRows, fragment_tokenizer
from taskloom_diffusion.fragments.scoring import Archive, Score, score_called
from taskloom_diffusion.fragments.search import FragmentSearch, search
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.samplers.base import Sampler

if TYPE_CHECKING:
    from taskloom.runs.run import Run


class DesigningModel(DiffusionModel):
    """A model that completes molecules around fragments, if it was trained on them (`--tokenizer=fragments`).

    Attributes:
        sampler: Draws where a call names none.
        length_histogram: How many training sequences have each length [tokens]; empty if that is not known.
        run: The run that trained it; None for a folder that is no run.
    """

    sampler: Sampler
    length_histogram: Sequence[int] = ()
    run: Run | None = None

    def decorate(
        self,
        scaffold: str,
        n: int = 10,
        *,
        atoms: Sequence[int] = (),
        lock: str = "",
        **options: Unpack[DesignOptions],
    ) -> FilledRows:
        """Return molecules that hold a scaffold as it was given, something drawn at each of its points.

        Args:
            scaffold: SMILES, `*` where something may grow.
            n: Molecules.
            atoms: Atoms where something may grow, from 0, instead of `*`.
            lock: Part of the molecule that stays, SMILES or SMARTS; the rest is drawn.
            **options: `sampler`, `seed`, `tries`, `gap_length`, `pair_links`.

        Raises:
            UsageError: The scaffold has no point, or cannot be read, in one sentence.
            ConfigError: The model was not trained on fragments.
        """
        designer = self._designer(options)
        return designer.fill(designer.decorated(scaffold, atoms=atoms, lock=lock), n)

    def link(
        self, first: str, second: str, n: int = 10, **options: Unpack[DesignOptions]
    ) -> FilledRows:
        """Return molecules that hold two fragments with a point each, a linker drawn between them; `decorate` has the options."""
        designer = self._designer(options)
        return designer.fill(designer.linked(first, second), n)

    def grow(self, core: str, n: int = 10, **options: Unpack[DesignOptions]) -> FilledRows:
        """Return molecules that hold a smaller one, something drawn where it has hydrogens; `decorate` has the options."""
        designer = self._designer(options)
        return designer.fill(designer.grown(core), n)

    def optimise(
        self,
        score: Score | str,
        *,
        budget: int = 1000,
        start: Sequence[str] | None = None,
        lock: str = "",
        out: Path | str | None = None,
        **options: Unpack[DesignOptions],
    ) -> FragmentSearch:
        """Return molecules of high score, found by drawing fragments of good ones anew.

        Args:
            score: A function from a list of SMILES to as many numbers, more is better; or `FILE.py:NAME`, `module:NAME`.
            budget: Different molecules that it is asked about.
            start: Molecules to begin with; None takes 200 of training.
            lock: Part that every molecule must hold, SMILES or SMARTS.
            out: File that keeps every score; a search that was stopped goes on from it.
            **options: `sampler`, `seed`, `pair_links`.

        Raises:
            UsageError: There is nothing to begin with.
            ConfigError: The score failed for many molecules, the first of which is named; all scores are kept.
        """
        designer = self._designer(options)
        function = score_called(score) if isinstance(score, str) else score
        begun = list(start) if start is not None else list(designer.start)
        # What tells this search from any other: an archive of another one is not gone on with.
        said = {"format": 1, "seed": designer.seed, "lock": lock, "start": begun}
        archive = Archive.opened(None if out is None else Path(out), said)
        return search(designer, function, begun, archive=archive, budget=budget, lock=lock)

    def _designer(self, options: DesignOptions) -> Designer:
        fragment_tokenizer(self)
        # A model of no run still decorates and links; lengths and points of training are what it lacks.
        known = fragments_of(self.run) if self.run is not None else None
        asked: DesignOptions = {**options, "sampler": options.get("sampler") or self.sampler}
        return designer_of(self, self.length_histogram, known, asked)
