"""MOSES' filters: rings, charges, elements, and 502 patterns of reactive or misleading groups (MCF and PAINS)."""

from __future__ import annotations

import csv
from functools import lru_cache
from typing import Any

import numpy as np

from taskloom_diffusion.corpora.molecules import package_files

_ALLOWED = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
_LARGEST_RING = 7


class Filters:
    """The filters, with a fingerprint of each pattern.

    A pattern's fingerprint has no bit that a molecule with the pattern lacks. So of 502 patterns about 26 are searched for in a
    molecule, and the answers are those of all.

    Args:
        patterns: SMARTS that no molecule may match.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        from rdkit import Chem  # RDKit is heavy

        self._patterns: list[Any] = [Chem.MolFromSmarts(text) for text in patterns]
        self._bits = np.stack([_pattern_words(pattern) for pattern in self._patterns])

    def passes(self, molecule: Any) -> bool:  # noqa: ANN401 -- an RDKit molecule
        """Return whether a molecule passes all of them."""
        from rdkit import Chem  # RDKit is heavy

        if any(len(ring) > _LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
            return False
        if any(a.GetFormalCharge() or a.GetSymbol() not in _ALLOWED for a in molecule.GetAtoms()):
            return False
        # Patterns may name hydrogens, which have to be there to be found.
        if self.matches(Chem.AddHs(molecule)):
            return False
        flat = Chem.MolToSmiles(molecule, isomericSmiles=False)
        return Chem.MolFromSmiles(flat) is not None

    def matches(self, molecule: Any) -> bool:  # noqa: ANN401 -- an RDKit molecule
        """Return whether a molecule with its hydrogens has any of the patterns."""
        lacking = self._bits & ~_pattern_words(molecule)
        return any(
            molecule.HasSubstructMatch(self._patterns[i])
            for i in np.flatnonzero(~lacking.any(axis=1))
        )


def _pattern_words(molecule: Any) -> np.ndarray:  # noqa: ANN401 -- an RDKit molecule or query
    """Return RDKit's pattern fingerprint (32,) as uint64."""
    from rdkit import Chem, DataStructs  # RDKit is heavy

    packed = DataStructs.BitVectToBinaryText(Chem.PatternFingerprint(molecule))
    return np.frombuffer(packed, dtype=np.uint64)


@lru_cache(maxsize=1)
def moses_filters() -> Filters:
    """Return the filters with the patterns of the `molsets` wheel.

    Raises:
        MissingExtraError: It is not installed.
    """
    files = {path.name: path for path in package_files("molsets", "moses/metrics/", ".csv")}
    with files["mcf.csv"].open(encoding="utf-8", newline="") as stream:
        patterns = [row["smarts"] for row in csv.DictReader(stream)]
    with files["wehi_pains.csv"].open(encoding="utf-8", newline="") as stream:
        patterns += [row[0].strip() for row in csv.reader(stream)]
    return Filters(tuple(patterns))
