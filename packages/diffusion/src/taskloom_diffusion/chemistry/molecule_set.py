"""A set of molecules, and what figures are made of, each found once for every molecule that differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from taskloom_diffusion.chemistry.chemnet import activations
from taskloom_diffusion.chemistry.nearest import fingerprint_bits
from taskloom_diffusion.chemistry.parts import brics_fragments, murcko_scaffold
from taskloom_diffusion.chemistry.screens import moses_filters
from taskloom_diffusion.chemistry.values import moses_measures
from taskloom_diffusion.metrics.molecules import parse


class MoleculeSet:
    """Texts, the valid molecules among them with repeats kept, and their properties.

    What is an array over molecules here is over those that differ; `row` leads from each valid text to its molecule.

    Args:
        texts: SMILES, valid or not, in their order.

    Attributes:
        given: Number of texts.
        smiles: Canonical isomeric SMILES of the valid ones, repeats kept.
        distinct: Those that differ, in the order in which they come first.
        molecules: RDKit's molecules of `distinct`, read from these.
        row: Place in `distinct` of each of `smiles` (V,).
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from rdkit import Chem  # RDKit is heavy

        self.given = len(texts)
        names: dict[str, str] = {}
        read: dict[str, Any] = {}
        for text in dict.fromkeys(texts):
            molecule = parse(text)
            name = "" if molecule is None else Chem.MolToSmiles(molecule)
            # Some properties depend on how a molecule is written, so all are those of its canonical SMILES.
            again = read.get(name) or parse(name)
            if again is not None:
                names[text], read[name] = name, again
        self.smiles = [names[text] for text in texts if text in names]
        place = {name: i for i, name in enumerate(dict.fromkeys(self.smiles))}
        self.distinct = list(place)
        self.molecules = [read[name] for name in self.distinct]
        self.row = np.array([place[name] for name in self.smiles], dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of valid molecules, repeats counted."""
        return len(self.smiles)

    @cached_property
    def bits(self) -> np.ndarray:
        """Morgan fingerprints (D, 1024) of radius 2, uint8."""
        return fingerprint_bits(self.molecules)

    @cached_property
    def fragments(self) -> list[list[str]]:
        """BRICS fragments of each."""
        return [brics_fragments(molecule) for molecule in self.molecules]

    @cached_property
    def scaffolds(self) -> list[str]:
        """Murcko scaffold of each, or empty."""
        return [murcko_scaffold(molecule) for molecule in self.molecules]

    @cached_property
    def passes(self) -> np.ndarray:
        """Flags (D,) of those that pass MOSES' filters."""
        filters = moses_filters()
        return np.array([filters.passes(molecule) for molecule in self.molecules], dtype=bool)

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """The logP, SA, QED and weight [Da] of each (D,)."""
        return {
            name: np.array([measure(molecule) for molecule in self.molecules])
            for name, measure in moses_measures().items()
        }

    @cached_property
    def activations(self) -> np.ndarray:
        """ChemNet's activations (D, 512), float32."""
        return activations(self.distinct)

    def counted(
        self, parts: Sequence[str | list[str]], chosen: np.ndarray | None = None
    ) -> Counter[str]:
        """Return how often each part is in the valid molecules, or in some of them; an empty part is none."""
        rows = self.row if chosen is None else self.row[chosen]
        found: Counter[str] = Counter()
        for row, times in zip(*np.unique(rows, return_counts=True), strict=True):
            part = parts[int(row)]
            names: list[str] = [part] if isinstance(part, str) else part
            for name in names:
                found[name] += int(times)
        found.pop("", None)
        return found
