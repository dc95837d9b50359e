"""The benchmark of a set of molecules: figures with their errors, beside what fresh training samples of the same size score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from taskloom.errors import MissingExtraError, UsageError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.chemistry.figures import (
    BenchmarkFigure,
    genmol_figures,
    guacamol_figures,
    moses_figures,
)
from taskloom_diffusion.chemistry.guacamol_reference import GuacaMolReference, guacamol_reference
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import (
    MoleculeReference,
    moses_reference,
    statistics_of,
    training_of,
)
from taskloom_diffusion.chemistry.shelf import Kept, kept
from taskloom_diffusion.corpora.molecules import package_files

SUITES = ("moses", "guacamol", "genmol")
FLOORS = 5
"""Training samples that a floor is the mean of."""


@dataclass(frozen=True)
class DataPackages:
    """Packages with data that some figures need.

    Attributes:
        chemnet: Whether `fcd_torch` is installed, with the weights of the Frechet distance.
        filters: Whether `molsets` is installed, with the patterns of the filters.
    """

    chemnet: bool
    filters: bool

    def missing(self) -> list[str]:
        """Return a sentence for each kind of figure that is left out."""
        told = []
        if not self.chemnet:
            told.append("FCD is left out: pip install --no-deps fcd_torch")
        if not self.filters:
            told.append("Filters are left out: pip install --no-deps molsets")
        return told


def data_packages() -> DataPackages:
    """Return which packages with data are installed."""
    return DataPackages(
        _is_there("fcd_torch", "fcd_torch/", ".pt"), _is_there("molsets", "moses/", ".csv")
    )


def _is_there(package: str, prefix: str, suffix: str) -> bool:
    try:
        return bool(package_files(package, prefix, suffix))
    except MissingExtraError:
        return False


@dataclass(frozen=True)
class MoleculeBenchmark:
    """A benchmark against one reference.

    Attributes:
        reference: Test sets and training set.
        suites: Which figures: `moses`, `guacamol`, `genmol`.
        packages: Those that are installed.
        floor: Training samples for each floor; 0 for none.
        keep: Whether floors are kept in the cache for the next time.
    """

    reference: MoleculeReference
    suites: Sequence[str] = SUITES
    packages: DataPackages = DataPackages(chemnet=True, filters=True)
    floor: int = FLOORS
    keep: bool = True

    def figures(self, molecules: MoleculeSet) -> dict[str, BenchmarkFigure]:
        """Return the figures of molecules by name, with floors where there is a training set of more molecules."""
        found = self._of(molecules)
        floors = self._floors(len(molecules)) if self._has_floor(len(molecules)) else {}
        return {
            name: replace(figure, floor=floors[name][0], floor_sd=floors[name][1])
            if name in floors
            else figure
            for name, figure in found.items()
        }

    def _of(self, molecules: MoleculeSet) -> dict[str, BenchmarkFigure]:
        found: dict[str, BenchmarkFigure] = {}
        if "moses" in self.suites:
            found |= moses_figures(
                molecules,
                self.reference,
                with_chemnet=self.packages.chemnet,
                with_filters=self.packages.filters,
            )
        if "guacamol" in self.suites and self._guacamol is not None:
            found |= guacamol_figures(molecules, self._guacamol, with_chemnet=self.packages.chemnet)
        if "genmol" in self.suites:
            found |= genmol_figures(molecules)
        return found

    @cached_property
    def _guacamol(self) -> GuacaMolReference | None:
        training = self.reference.training
        if training is None:
            return None
        return guacamol_reference(training, with_chemnet=self.packages.chemnet)

    def _has_floor(self, size: int) -> bool:
        training = self.reference.training
        # As many molecules as there are would be the same sample every time.
        return bool(self.floor and size and training is not None and training.count > size)

    def _floors(self, size: int) -> dict[str, tuple[float, float]]:
        """Return mean and standard deviation of each figure over training samples of a size, from the cache if they are there."""
        training = self.reference.training
        if training is None:
            return {}

        def make() -> Kept:
            rows: dict[str, list[float]] = {}
            for number in range(self.floor):
                drawn = self._of(MoleculeSet(training.drawn(size, number)))
                for name, figure in drawn.items():
                    rows.setdefault(name, []).append(figure.value)
            return Kept({name: np.array(values) for name, values in rows.items()})

        asked = f"{size} {self.floor} {' '.join(sorted(self.suites))} {self.packages}"
        key = self.reference.key() + asked.encode()
        stored = (kept("floor", key, make) if self.keep else make()).arrays
        spread = 1 if self.floor > 1 else 0
        return {
            name: (float(values.mean()), float(values.std(ddof=spread)))
            for name, values in stored.items()
        }


def benchmark(
    texts: Sequence[str],
    reference: str | Sequence[str] | MoleculeReference = "moses",
    *,
    training: Sequence[str] | None = None,
    suites: Sequence[str] = SUITES,
    floor: int = FLOORS,
) -> Mapping[str, BenchmarkFigure]:
    """Return the figures of molecules by name, under their published definitions.

        >>> found = benchmark(["CCO", "CCN", "C("], ["CCO", "CCCO"], floor=0)
        >>> found["valid"].value, found["SNN/Test"].n
        (0.6666666666666666, 2)

    Args:
        texts: SMILES, valid or not: all of them are in the denominators.
        reference: `moses`; or SMILES to compare with.
        training: Molecules that were trained on, for novelty, GuacaMol's scores and floors; of MOSES its own.
        suites: Which figures.
        floor: Fresh training samples of as many molecules that floors are the mean of; 0 for none.

    Raises:
        UsageError: There is no such suite or reference, or not one of the reference's SMILES is a molecule.
        MissingExtraError: MOSES is asked for and its package is not installed.
    """
    check_suites(suites)
    able = data_packages()
    if isinstance(reference, str) and reference != "moses":
        raise UsageError(f"reference '{reference}' is neither 'moses' nor a list of SMILES")
    if isinstance(reference, MoleculeReference):
        found = reference
    elif isinstance(reference, str):
        found = moses_reference()
    else:
        found = reference_of("the reference", reference, training, with_chemnet=able.chemnet)
    return MoleculeBenchmark(found, suites, able, floor).figures(MoleculeSet(texts))


def reference_of(
    name: str, texts: Sequence[str], training: Sequence[str] | None, *, with_chemnet: bool
) -> MoleculeReference:
    """Return molecules as a reference, beside what was trained on.

    Raises:
        UsageError: Not one of them is a molecule.
    """
    test = statistics_of("Test", texts, with_chemnet=with_chemnet)
    if not test.count:
        raise UsageError(f"{name} has no molecule that RDKit accepts")
    learnt = None
    if training is not None:
        learnt = training_of(MoleculeSet(training).distinct)
    return MoleculeReference(name, (test,), learnt)


def check_suites(suites: Sequence[str]) -> None:
    """Refuse another suite than those that there are.

    Raises:
        UsageError: The closest one is in the message.
    """
    for suite in suites:
        if suite not in SUITES:
            near = did_you_mean(suite, SUITES)
            raise UsageError(
                f"--suite '{suite}' is none of {', '.join(SUITES)}{'; ' * bool(near)}{near}"
            )
