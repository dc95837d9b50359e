"""The form in which a molecule is written: what of it is kept, and when its SMILES has settled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Keep: TypeAlias = Literal["keep", "drop"]
_ISOTOPE = re.compile(r"\[\d")
_ROUNDS = 3
MOST_ATOMS = 8192
"""Atoms of the largest molecule that is read: no model is longer, and RDKit's writing of a much larger one ends the process."""


@dataclass(frozen=True)
class Form:
    """Choice of what is kept of a molecule, and of its spelling.

    Attributes:
        stereo: Marks of tetrahedral centres and double bonds.
        isotopes: Of real atoms.
        labels: Numbers of attachment points and of mapped atoms.
        spelling: Canonical, or as the file has it.
        salts: All fragments, or the largest alone.
    """

    stereo: Keep = "keep"
    isotopes: Keep = "keep"
    labels: Keep = "keep"
    spelling: Literal["canonical", "as_written"] = "canonical"
    salts: Literal["keep", "largest"] = "keep"


# The published corpora are flat, and so are runs that were made before marks were kept.
FLAT = Form("drop", "drop", "drop")


@dataclass(frozen=True)
class Written:
    """A molecule as it goes into a corpus.

    Attributes:
        text: Its SMILES.
        whole: The SMILES before anything was dropped: two that are equal are one molecule.
        flat: The SMILES without stereo marks and isotopes: mirror images and labelled twins are equal in it.
        changes: What of the user's molecule is not in `text`.
        settled: Whether RDKit writes `text` as it stands.
    """

    text: str
    whole: str
    flat: str
    changes: tuple[str, ...]
    settled: bool = True


def written(smiles: str, form: Form) -> Written | None:
    """Return a molecule in a form, or None if RDKit does not accept it, or it is empty, huge or more than one word.

    Example:
        >>> written("OC(=O)[C@H](C)N", Form()).flat
        'CC(N)C(=O)O'
    """
    from rdkit import Chem  # RDKit is heavy

    # To RDKit what follows a space is the molecule's name.
    if not smiles or len(smiles.split()) != 1 or smiles != smiles.strip():
        return None
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or not 0 < molecule.GetNumAtoms() <= MOST_ATOMS:
        return None
    whole, settled = _settled(molecule)
    text = whole
    changes: list[str] = []
    if form != Form(spelling=form.spelling):
        text, changes, settled = _without(molecule, whole, form)
    elif _marks(smiles) and not _marks(whole):
        changes.append("changed_stereo")
    if form.spelling == "as_written" and text == whole:
        text, settled = smiles, True
    return Written(text, whole, _flat(text), tuple(changes), settled)


def _marks(smiles: str) -> bool:
    return any(mark in smiles for mark in "@/\\")


def _settled(molecule: Any) -> tuple[str, bool]:  # noqa: ANN401 -- an RDKit molecule
    """Return the canonical SMILES, written until it is fixed: RDKit is not idempotent on every molecule."""
    from rdkit import Chem  # RDKit is heavy

    text = Chem.MolToSmiles(molecule)
    for _ in range(_ROUNDS):
        again = Chem.MolFromSmiles(text)
        if again is None:
            return text, False
        following = Chem.MolToSmiles(again)
        if following == text:
            return text, True
        text = following
    return text, False


def _without(molecule: Any, whole: str, form: Form) -> tuple[str, list[str], bool]:  # noqa: ANN401 -- an RDKit molecule
    """Return the SMILES without what a form drops, what that changed, and whether it has settled."""
    from rdkit import Chem  # RDKit is heavy

    text, settled = whole, True
    changes = []
    steps = (
        (form.salts == "largest", _largest, "salts_removed"),
        (form.stereo == "drop", _without_stereo, "changed_stereo"),
        (form.isotopes == "drop", _without_isotopes, "changed_isotope"),
        (form.labels == "drop", _without_labels, "changed_labels"),
    )
    for wanted, step, change in steps:
        if not wanted:
            continue
        molecule = step(Chem.Mol(molecule))
        now, settled = _settled(molecule)
        if now != text:
            changes.append(change)
        text = now
    return text, changes, settled


def _largest(molecule: Any) -> Any:  # noqa: ANN401 -- an RDKit molecule
    from rdkit import Chem  # RDKit is heavy

    fragments = Chem.GetMolFrags(molecule, asMols=True)
    # Of equally large ones the first by its text: the order in the file says nothing.
    return min(fragments, key=lambda m: (-m.GetNumAtoms(), Chem.MolToSmiles(m)))


def _without_stereo(molecule: Any) -> Any:  # noqa: ANN401 -- an RDKit molecule
    from rdkit import Chem  # RDKit is heavy

    Chem.RemoveStereochemistry(molecule)
    return molecule


def _without_isotopes(molecule: Any) -> Any:  # noqa: ANN401 -- an RDKit molecule
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum():
            atom.SetIsotope(0)
    return molecule


def _without_labels(molecule: Any) -> Any:  # noqa: ANN401 -- an RDKit molecule
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
        if not atom.GetAtomicNum():
            # RDKit keeps the number of an attachment point as its isotope.
            atom.SetIsotope(0)
    return molecule


def _flat(text: str) -> str:
    from rdkit import Chem  # RDKit is heavy

    if not (_marks(text) or _ISOTOPE.search(text)):
        return text
    molecule = Chem.MolFromSmiles(text)
    return text if molecule is None else Chem.MolToSmiles(molecule, isomericSmiles=False)


def scaffold(text: str) -> str:
    """Return the Murcko scaffold of a molecule without marks; of one without rings, the molecule itself."""
    from rdkit import Chem  # RDKit is heavy
    from rdkit.Chem.Scaffolds import MurckoScaffold

    molecule = Chem.MolFromSmiles(text)
    if molecule is None or not molecule.GetRingInfo().NumRings():
        return text
    core = MurckoScaffold.GetScaffoldForMol(molecule)  # type: ignore[no-untyped-call]  # RDKit leaves it untyped
    return Chem.MolToSmiles(core, isomericSmiles=False) or text
