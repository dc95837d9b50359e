"""GuacaMol's score of distributions (Brown et al. 2019): how far ten properties are from those of training molecules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.nearest import Neighbours, fingerprint_bits
from taskloom_diffusion.chemistry.values import guacamol_measures

_POINTS, _BINS, _LEAST = 1000, 10, 1e-10
_BITS = 4096


@dataclass(frozen=True)
class GuacaMolProperties:
    """Properties of molecules that differ, without marks of stereo.

    Attributes:
        continuous: Real numbers by property (N,).
        whole: Whole numbers by property (N,).
        bits: Packed Morgan fingerprints (N, 512), uint8.
    """

    continuous: Mapping[str, np.ndarray]
    whole: Mapping[str, np.ndarray]
    bits: np.ndarray

    def __len__(self) -> int:
        """Return the number of molecules."""
        return len(self.bits)

    def first(self, count: int) -> GuacaMolProperties:
        """Return those of the first molecules."""
        continuous, whole = (
            {name: values[:count] for name, values in part.items()}
            for part in (self.continuous, self.whole)
        )
        return GuacaMolProperties(continuous, whole, self.bits[:count])

    @cached_property
    def similarity(self) -> np.ndarray:
        """Similarity of each to the nearest other one among them (N,); the more there are, the larger."""
        bits = np.unpackbits(self.bits, axis=1)
        return Neighbours(bits).nearest(bits, without=np.arange(len(bits)))


def descriptors(smiles: Sequence[str]) -> GuacaMolProperties:
    """Return the properties of canonical SMILES, each molecule once, in the order of the list."""
    from rdkit import Chem  # RDKit is heavy

    flat = dict.fromkeys(
        Chem.MolToSmiles(molecule, isomericSmiles=False)
        for molecule in MoleculeSet(smiles).molecules
    )
    molecules = MoleculeSet(list(flat)).molecules
    continuous, whole = (
        {name: np.array([measure(m) for m in molecules], dtype=np.float64) for name, measure in kind.items()}
        for kind in guacamol_measures()
    )  # fmt: skip
    return GuacaMolProperties(
        continuous, whole, np.packbits(fingerprint_bits(molecules, _BITS), axis=1)
    )


def distribution_score(reference: GuacaMolProperties, generated: GuacaMolProperties) -> float:
    """Return the mean of exp(-KL(reference, generated)) over the ten properties: 1 where all are distributed alike.

    Both should have as many molecules: in a larger set the nearest other molecule is nearer.
    """
    found = [
        np.exp(-_continuous(theirs, generated.continuous[name]))
        for name, theirs in reference.continuous.items()
    ]
    found.append(np.exp(-_continuous(reference.similarity, generated.similarity)))
    found += [
        np.exp(-_whole(theirs, generated.whole[name])) for name, theirs in reference.whole.items()
    ]
    return float(np.mean(found))


def _continuous(reference: np.ndarray, generated: np.ndarray) -> float:
    from scipy.stats import entropy, gaussian_kde  # scipy is heavy

    both = np.concatenate([reference, generated])
    points = np.linspace(both.min(), both.max(), num=_POINTS)
    densities = []
    for values in (reference, generated):
        # A density of equal numbers has no width: all of it lies where they are.
        if np.ptp(values) == 0:
            at = np.argmin(np.abs(points - values[0]))
            densities.append(np.where(np.arange(_POINTS) == at, 1.0, 0.0) + _LEAST)
        else:
            densities.append(gaussian_kde(values)(points) + _LEAST)
    return float(entropy(*densities))


def _whole(reference: np.ndarray, generated: np.ndarray) -> float:
    from scipy.stats import entropy  # scipy is heavy

    theirs, edges = np.histogram(reference, bins=_BINS, density=True)
    # The bins are those of the reference: what lies outside of its range is in none of them.
    inside = (generated >= edges[0]) & (generated <= edges[-1])
    if not inside.any():
        return float(entropy(theirs + _LEAST, np.full(_BINS, _LEAST)))
    ours, _ = np.histogram(generated, bins=edges, density=True)
    return float(entropy(theirs + _LEAST, ours + _LEAST))
