"""Designs around fragments: decorate a scaffold, link two fragments, grow a molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from taskloom import derive_seed
from taskloom.errors import UsageError

from taskloom_diffusion.fragments.filling import (
    Choice,
    FilledRows,
    Filling,
    by_frequency,
    fill,
    fragment_tokenizer,
)
from taskloom_diffusion.fragments.fixed import (
    Fixed,
    fixed_part,
    free_hydrogens,
    locked_part,
    with_points,
)
from taskloom_diffusion.fragments.gaps import TrainingFragments
from taskloom_diffusion.fragments.lengths import length_law
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.samplers.base import Sampler

# Points of a molecule that is grown: with more, hardly a training fragment is left to hang on them.
_MOST_POINTS = 4


class DesignOptions(TypedDict, total=False):
    """Options of a design.

    Attributes:
        sampler: The sampler; None is the run's own.
        seed: Of points, lengths and noise.
        tries: Attempts for each molecule.
        gap_length: `model`, `histogram`, a number of tokens, or a range `8-15`.
        pair_links: Whether links are kept in pairs and fragments joined while a text is drawn, which changes the law.
    """

    sampler: Sampler | None
    seed: int
    tries: int
    gap_length: str
    pair_links: bool


@dataclass(frozen=True)
class Designer:
    """A model of fragments, with what is known of its training.

    Attributes:
        model: The model, in evaluation mode.
        sampler: The sampler.
        histogram: How many training sequences have each length; empty if that is not known.
        known: Gaps and fragments of training; None if they are not known.
        seed: Of points, lengths and noise.
        tries: Attempts for each molecule.
        gap_length: `model`, `histogram`, a number of tokens, or a range `8-15`.
        pair_links: Whether links are kept in pairs while a text is drawn.
    """

    model: DiffusionModel
    sampler: Sampler
    histogram: Sequence[int] = ()
    known: TrainingFragments | None = None
    seed: int = 0
    tries: int = 10
    gap_length: str = "model"
    pair_links: bool = True

    @property
    def start(self) -> tuple[str, ...]:
        """Training molecules that a search begins with."""
        return self.known.start if self.known is not None else ()

    def filling(self) -> Filling:
        """Return how gaps are filled.

        Raises:
            UsageError: Lengths are asked for that are not known, or there are no tries.
        """
        if self.tries < 1:
            raise UsageError(f"tries = {self.tries} must be at least 1")
        counts = self.known.gaps if self.known is not None else None
        law = length_law(self.gap_length, self.model, counts, [*self.histogram])
        return Filling(self.sampler, law, self.seed, self.tries, self.pair_links)

    def fill(self, choose: Choice, num: int) -> FilledRows:
        """Return molecules around what is chosen for each row."""
        if num < 1:
            raise UsageError(f"n = {num} must be at least 1")
        done = fill(self.model, choose, num, self.filling())
        if self.known is not None:
            done.baseline = by_frequency(choose, num, self.known.pieces, self.seed)
        return done

    def decorated(self, scaffold: str, *, atoms: Sequence[int] = (), lock: str = "") -> Choice:
        """Return a scaffold with its points: marked by `*`, at hydrogens of atoms, or at the border of a lock in a molecule.

        Args:
            scaffold: SMILES.
            atoms: Atoms that get a point each, from 0 in the order of the text.
            lock: SMILES or SMARTS of the part of a molecule that stays; the rest is drawn anew.

        Raises:
            UsageError: It cannot be read or has no point, in one sentence.
        """
        cuts = fragment_tokenizer(self.model).cuts
        if lock and atoms:
            raise UsageError("give atoms or lock, not both")
        if lock:
            return _always(locked_part(scaffold, lock, cuts))
        marked = with_points(scaffold, atoms, "scaffold") if atoms else scaffold
        return _always(fixed_part(marked, cuts))

    def linked(self, first: str, second: str) -> Choice:
        """Return two fragments with a point each, which a linker is drawn between.

        Raises:
            UsageError: One cannot be read, or has not exactly one point.
        """
        cuts = fragment_tokenizer(self.model).cuts
        both = []
        for smiles in (first, second):
            fixed = fixed_part(smiles, cuts, "fragment")
            if len(fixed.points) != 1:
                raise UsageError(
                    f"fragment '{smiles}' has {len(fixed.points)} attachment points; a fragment to link has one"
                )
            both.append(fixed)
        return _always(both[0].and_then(both[1]))

    def grown(self, core: str) -> Choice:
        """Return a molecule with points drawn for each row: as many as training had behind such beginnings, at any hydrogens.

        Raises:
            UsageError: It cannot be read, has points or no hydrogen, or training is not known.
        """
        if self.known is None:
            raise UsageError(
                "grow draws its points as training had them, and this model is of no run that kept them"
            )
        if "*" in core:
            raise UsageError(f"molecule '{core}' has points already; use decorate")
        cuts, gaps = fragment_tokenizer(self.model).cuts, self.known.gaps
        hydrogens = free_hydrogens(core, "molecule")
        tokens = len(fragment_tokenizer(self.model).encode(core))
        law = gaps.open_links(tokens, min(_MOST_POINTS, len(hydrogens)))
        met: dict[tuple[int, ...], Fixed] = {}

        def choose(row: int, attempt: int) -> Fixed:
            random = np.random.default_rng(derive_seed(self.seed, f"points/{attempt}", row))
            count = 1 + int(random.choice(len(law), p=law))
            places = random.choice(len(hydrogens), count, replace=False)
            atoms = tuple(sorted(hydrogens[int(i)] for i in places))
            if atoms not in met:
                met[atoms] = fixed_part(with_points(core, atoms, "molecule"), cuts, "molecule")
            return met[atoms]

        return choose


def designer_of(
    model: DiffusionModel,
    histogram: Sequence[int],
    known: TrainingFragments | None,
    options: DesignOptions,
) -> Designer:
    """Return a designer with options.

    Raises:
        UsageError: There is no sampler among them.
    """
    sampler = options.get("sampler")
    if sampler is None:
        raise UsageError("a design needs a sampler")
    return Designer(
        model,
        sampler,
        histogram,
        known,
        options.get("seed", 0),
        options.get("tries", 10),
        options.get("gap_length", "model"),
        options.get("pair_links", True),
    )


def _always(fixed: Fixed) -> Choice:
    def choose(row: int, attempt: int) -> Fixed:
        del row, attempt
        return fixed

    return choose
