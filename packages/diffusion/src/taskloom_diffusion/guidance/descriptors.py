"""Properties of molecules by name, computed by RDKit: what conditions and filters are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from taskloom.registry.isolate import load_target

from taskloom_diffusion.metrics.molecules import parse

if TYPE_CHECKING:
    from rdkit.Chem import Mol

NAMES = (
    *("qed", "logp", "tpsa", "weight", "rings", "rotatable"),
    *("donors", "acceptors", "heavy", "sp3", "charge", "sa"),
)
"""Drug-likeness, Crippen's logP, polar surface [A^2], weight [Da]; counts of rings, rotatable bonds, donors, acceptors and heavy
atoms; the share of sp3 carbons, the formal charge, and synthetic accessibility from 1, easy, to 10 (Ertl & Schuffenhauer 2009)."""


@cache
def _functions() -> Mapping[str, Callable[[Any], float]]:
    """Return the function of each name."""
    from rdkit.Chem import QED, GetFormalCharge, rdMolDescriptors  # RDKit is heavy

    # numpy is heavy for a listing
    sa: Any = load_target("taskloom_diffusion.chemistry.values:synthetic_accessibility")
    return {
        "qed": QED.qed,
        "logp": lambda m: rdMolDescriptors.CalcCrippenDescriptors(m)[0],
        "tpsa": rdMolDescriptors.CalcTPSA,
        "weight": rdMolDescriptors._CalcMolWt,
        "rings": rdMolDescriptors.CalcNumRings,
        "rotatable": rdMolDescriptors.CalcNumRotatableBonds,
        "donors": rdMolDescriptors.CalcNumHBD,
        "acceptors": rdMolDescriptors.CalcNumHBA,
        "heavy": lambda m: m.GetNumHeavyAtoms(),
        "sp3": rdMolDescriptors.CalcFractionCSP3,
        "charge": GetFormalCharge,
        "sa": sa,
    }


def descriptor(name: str, molecule: Mol) -> float:
    """Return one property of a molecule."""
    return float(_functions()[name](molecule))


def descriptors(text: str, names: Iterable[str]) -> dict[str, float]:
    """Return some properties of a SMILES; of what is no molecule, none.

    Example:
        >>> descriptors("CCO", ["heavy", "rings"])
        {'heavy': 3.0, 'rings': 0.0}
    """
    molecule = parse(text)
    return {} if molecule is None else {name: descriptor(name, molecule) for name in names}
