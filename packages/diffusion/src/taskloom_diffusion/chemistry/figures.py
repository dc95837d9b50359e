"""Figures of one set of molecules against a reference, each under its published definition, with its standard error."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from taskloom_diffusion.chemistry.frechet import (
    GROUPS,
    FrechetTarget,
    grouped_moments,
    groups_of,
    jackknife_error,
)
from taskloom_diffusion.chemistry.guacamol import descriptors, distribution_score
from taskloom_diffusion.chemistry.guacamol_reference import GuacaMolReference
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.parts import cosine
from taskloom_diffusion.chemistry.reference import (
    GUACAMOL_SIZE,
    MoleculeReference,
    ReferenceStatistics,
    TrainingMolecules,
)
from taskloom_diffusion.metrics.molecules import similarity_rows
from taskloom_diffusion.report.tables import share_error

# With fewer molecules a tenth of them is too few to leave out.
_LEAST_FOR_ERRORS = 2 * GROUPS
_DRUG_LIKE, _ACCESSIBLE = 0.6, 4.0
_FCD_SCALE = 0.2


@dataclass(frozen=True)
class BenchmarkFigure:
    """One figure of a benchmark.

    Attributes:
        value: The figure; NaN where it is not defined, as a cosine of no scaffolds.
        standard_error: Its standard error; None where there is none to tell.
        n: Number of cases that it is a figure of.
        population: What these are.
        floor: Mean of the same figure over fresh training samples of the same size; None if none were drawn.
        floor_sd: Standard deviation of one such sample.
    """

    value: float
    standard_error: float | None
    n: int
    population: str
    floor: float | None = None
    floor_sd: float | None = None


def moses_figures(
    molecules: MoleculeSet, reference: MoleculeReference, *, with_chemnet: bool, with_filters: bool
) -> dict[str, BenchmarkFigure]:
    """Return MOSES' figures (Polykovskiy et al. 2020), in its order.

    Args:
        molecules: What was generated.
        reference: Test sets, and perhaps a training set, without which there is no novelty.
        with_chemnet: Whether the Frechet distance is among them.
        with_filters: Whether the filters are.
    """
    count = len(molecules)
    share = count / max(molecules.given, 1)
    found = {"valid": _share(share, molecules.given, "texts")}
    if not count:
        return found
    for k in (1000, 10_000):
        first = molecules.smiles[:k]
        # Of fewer than k the share is of those that there are, as in the original, and says so.
        told = f"first {k:,} valid" if len(first) == k else f"valid, k={len(first)}"
        found[f"unique@{k}"] = BenchmarkFigure(len(set(first)) / len(first), None, len(first), told)
    jackknife = _Jackknife(molecules)
    for item in reference.sets:
        found |= _against(molecules, item, jackknife, with_chemnet=with_chemnet)
    found |= _diversities(molecules)
    if with_filters:
        found["Filters"] = _share(float(molecules.passes[molecules.row].mean()), count, "valid")
    for name, values in molecules.values.items():
        theirs = reference.sets[0].values[name]
        found[name] = jackknife.figure_of(
            _distances_in_law(values[molecules.row], theirs, jackknife)
        )
    if reference.training is not None:
        found["Novelty"] = _novelty(molecules, reference.training)
    return found


def genmol_figures(molecules: MoleculeSet) -> dict[str, BenchmarkFigure]:
    """Return GenMol's quality, of all texts, and its diversity, of the molecules that differ (Lee et al. 2025)."""
    values = molecules.values if len(molecules) else {}
    good = 0
    if values:
        good = int(((values["QED"] >= _DRUG_LIKE) & (values["SA"] <= _ACCESSIBLE)).sum())
    share = good / max(molecules.given, 1)
    found = {"Quality": _share(share, molecules.given, "texts")}
    count = len(molecules.distinct)
    if count > 1:
        mean = sum(float(weight @ mean) for weight, mean, _ in similarity_rows(molecules.bits))
        # Without self pairs: each molecule's likeness to itself is 1.
        others = (mean * count - 1) / (count - 1)
        found["Diversity"] = BenchmarkFigure(1 - others, None, count, "different valid")
    return found


def guacamol_figures(
    molecules: MoleculeSet, reference: GuacaMolReference, *, with_chemnet: bool
) -> dict[str, BenchmarkFigure]:
    """Return GuacaMol's two scores of distributions, against training molecules of the smallest ranks."""
    # Two molecules that differ are the least that has a density.
    if len(molecules.distinct) < 2:
        return {}
    ours = descriptors(molecules.distinct[:GUACAMOL_SIZE])
    # As many training molecules: how near the nearest other one is depends on the number.
    theirs = reference.properties.first(len(ours))
    ours = ours.first(len(theirs))
    told = f"different, against {len(theirs):,} training molecules"
    value = distribution_score(theirs, ours)
    found = {"KL score": BenchmarkFigure(value, None, len(ours), told)}
    if with_chemnet and reference.target is not None:
        jackknife = _Jackknife(molecules)
        distances = _distances(molecules, reference.target, jackknife)
        scores = [math.exp(-_FCD_SCALE * d) for d in distances]
        found["FCD score"] = jackknife.figure_of(scores)
    return found


class _Jackknife:
    """The ten parts of the valid molecules that are left out in turn, and figures with their errors."""

    def __init__(self, molecules: MoleculeSet) -> None:
        self.count = len(molecules)
        self.group = groups_of(self.count)
        self.number = GROUPS if self.count >= _LEAST_FOR_ERRORS else 0

    def left_out(self) -> Iterator[np.ndarray]:
        """Yield a mask of nothing, and one of each part."""
        yield np.zeros(self.count, dtype=bool)
        for number in range(self.number):
            yield self.group == number

    def figure_of(self, values: Sequence[float]) -> BenchmarkFigure:
        """Return a figure whose value stands first, and behind it those without each part."""
        error = jackknife_error(values[1:]) if len(values) > 1 else None
        error = error if error is not None and math.isfinite(error) else None
        return BenchmarkFigure(values[0], error, self.count, "valid")


def _against(
    molecules: MoleculeSet, item: ReferenceStatistics, jackknife: _Jackknife, *, with_chemnet: bool
) -> dict[str, BenchmarkFigure]:
    found = {}
    if with_chemnet and item.target is not None and len(molecules) > 1:
        found["FCD"] = jackknife.figure_of(_distances(molecules, item.target, jackknife))
    nearest = item.neighbours.nearest(molecules.bits)[molecules.row]
    found["SNN"] = _mean(nearest, "valid")
    for name, parts, theirs in (
        ("Frag", molecules.fragments, item.fragments),
        ("Scaf", molecules.scaffolds, item.scaffolds),
    ):
        found[name] = jackknife.figure_of(_cosines(molecules, parts, theirs, jackknife))
    return {f"{name}/{item.name}": figure for name, figure in found.items()}


def _distances(molecules: MoleculeSet, target: FrechetTarget, jackknife: _Jackknife) -> list[float]:
    rows = molecules.activations[molecules.row]
    choices: list[tuple[int, ...]] = [(), *((number,) for number in range(jackknife.number))]
    return [target.distance(m) for m in grouped_moments(rows, jackknife.group, choices)]


def _cosines(
    molecules: MoleculeSet,
    parts: Sequence[str | list[str]],
    theirs: Mapping[str, int],
    jackknife: _Jackknife,
) -> list[float]:
    every = molecules.counted(parts)
    found = [cosine(every, theirs)]
    for number in range(jackknife.number):
        without = Counter(every)
        without.subtract(molecules.counted(parts, jackknife.group == number))
        found.append(cosine(+without, theirs))
    return found


def _distances_in_law(ours: np.ndarray, theirs: np.ndarray, jackknife: _Jackknife) -> list[float]:
    """Return the 1-Wasserstein distances, the area between the two distribution functions, of all and without each part.

    Both sets are sorted together once: the reference is large, and the choices of molecules only change their weights.
    """
    both = np.concatenate([ours, theirs])
    order = np.argsort(both, kind="stable")
    gaps = np.diff(both[order])
    is_ours = order < len(ours)
    reference = np.cumsum(~is_ours)[:-1] / len(theirs)
    found = []
    for left_out in jackknife.left_out():
        kept = np.zeros(len(both), dtype=bool)
        kept[: len(ours)] = ~left_out
        generated = np.cumsum(kept[order])[:-1] / kept.sum()
        found.append(float(gaps @ np.abs(generated - reference)))
    return found


def _diversities(molecules: MoleculeSet) -> dict[str, BenchmarkFigure]:
    """Return IntDiv and IntDiv2, with errors of first order: a molecule counts as a row, and in the rows of all others."""
    bits = molecules.bits[molecules.row]
    weights, means, squares = (
        np.concatenate(part) for part in zip(*similarity_rows(bits), strict=True)
    )
    count, roots = len(molecules), np.sqrt(squares)
    first, second = float(weights @ means), float(weights @ roots)
    influences = {
        "IntDiv": (first, 2 * means),
        # The second part is what a molecule adds to the others' roots, all taken to be the mean one.
        "IntDiv2": (second, roots + squares / (2 * second)),
    }
    found = {}
    for name, (mean, influence) in influences.items():
        spread = float(weights @ (influence - weights @ influence) ** 2)
        error = math.sqrt(spread / (count - 1)) if count > 1 else None
        found[name] = BenchmarkFigure(1 - mean, error, count, "valid")
    return found


def _novelty(molecules: MoleculeSet, training: TrainingMolecules) -> BenchmarkFigure:
    count = len(molecules.distinct)
    known = training.known(molecules.distinct)
    return _share((count - len(known)) / count, count, "different valid")


def _share(share: float, count: int, population: str) -> BenchmarkFigure:
    return BenchmarkFigure(share, share_error(share, count), count, population)


def _mean(values: np.ndarray, population: str) -> BenchmarkFigure:
    count = len(values)
    error = float(values.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return BenchmarkFigure(float(values.mean()), error, count, population)
