"""Parts of molecules, counted: BRICS fragments and Murcko scaffolds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_LEAST_RINGS = 2


def brics_fragments(molecule: Any) -> list[str]:  # noqa: ANN401 -- an RDKit molecule
    """Return the SMILES of the pieces that BRICS' bonds cut a molecule into."""
    from rdkit import Chem  # RDKit is heavy

    return Chem.MolToSmiles(Chem.FragmentOnBRICSBonds(molecule)).split(".")


def murcko_scaffold(molecule: Any) -> str:  # noqa: ANN401 -- an RDKit molecule
    """Return the SMILES of a molecule's Murcko scaffold; empty with fewer than two rings, which say nothing."""
    from rdkit import Chem  # RDKit is heavy
    from rdkit.Chem.Scaffolds import MurckoScaffold

    # RDKit cannot make the scaffold of every molecule; the original leaves those out.
    try:
        core = MurckoScaffold.GetScaffoldForMol(molecule)  # type: ignore[no-untyped-call]  # RDKit leaves it untyped
    except (ValueError, RuntimeError):
        return ""
    return Chem.MolToSmiles(core) if core.GetRingInfo().NumRings() >= _LEAST_RINGS else ""


def cosine(left: Mapping[str, int], right: Mapping[str, int]) -> float:
    """Return the cosine of two counts; NaN if either has nothing counted.

    Example:
        >>> cosine({"a": 1}, {"a": 2, "b": 0})
        1.0
    """
    if not left or not right:
        return math.nan
    # Whole numbers: no order of the keys is in the sums.
    product = sum(count * right[key] for key, count in left.items() if key in right)
    lengths = [sum(count * count for count in counts.values()) for counts in (left, right)]
    # One root for each: the product of two sums of squares may not fit a float.
    return product / (math.sqrt(lengths[0]) * math.sqrt(lengths[1]))
