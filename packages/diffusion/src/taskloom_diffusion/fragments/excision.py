"""Verification: what was given is cut out of a drawn molecule again, and must be the same.

Substructure search is not enough: it accepts a molecule where something grew on an atom that had no point, and one with another
centre. Cut out at its border and ended with dummies, a part has the elements, charges, hydrogens, stereo and neighbours that
it was given with, or another canonical SMILES.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from taskloom_diffusion.fragments.cutting import FIRST_LINK, LABEL, is_link
from taskloom_diffusion.fragments.fixed import Fixed, settled
from taskloom_diffusion.tokenizers.symbols import SMILES_PATTERN

_ATOM = re.compile(r"\[.+\]|Br|Cl|[BCNOPSFIbcnops*]")


@dataclass(frozen=True)
class Verified:
    """A drawn text, judged.

    Attributes:
        smiles: The molecule; empty if it is none.
        fault: Why it does not hold what was given: `valid`, `parts`, `ring`, `multiple`, `changed`; empty if it does.
        grown: What hangs on each point, in the order of the open links, `*` where it hangs.
    """

    smiles: str
    fault: str = ""
    grown: tuple[str, ...] = ()


def excise(text: str, fixed: Fixed) -> Verified:
    """Return whether a text that begins with fixed fragments is a molecule that holds them as they were given.

    Args:
        text: Fragments, the fixed ones first.
        fixed: Those.

    Example:
        >>> from taskloom_diffusion.fragments.fixed import fixed_part
        >>> excise("c%501ccccc1.N%50C(C)=O", fixed_part("*c1ccccc1", "brics")).grown
        ('*NC(C)=O',)
    """
    from rdkit import Chem, rdBase  # RDKit is heavy

    options: Any = Chem.SmilesParserParams()
    # Hydrogens that are written are atoms of the text: with them atoms are numbered as tokens are.
    options.removeHs = False
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(text, options)
        if molecule is None or not molecule.GetNumAtoms():
            return Verified("", "valid")
        smiles = Chem.MolToSmiles(Chem.RemoveHs(molecule))
        if len(Chem.GetMolFrags(molecule)) > 1:
            return Verified(smiles, "parts")
        count = sum(1 for _ in _atoms(fixed.text))
        border, fault = _border(molecule, text, count)
        if fault:
            return Verified(smiles, fault)
        links = list(border.values())
        labels = [(LABEL + int(link[1:]) - FIRST_LINK,) * 2 for link in links]
        parts = (
            Chem.FragmentOnBonds(molecule, list(border), dummyLabels=labels) if links else molecule
        )
        atoms: list[tuple[int, ...]] = []
        found = Chem.GetMolFrags(parts, asMols=True, fragsMolAtomMapping=atoms)
        ours = [p for p, which in zip(found, atoms, strict=True) if min(which) < count]
        if settled(".".join(Chem.MolToSmiles(part) for part in ours)) != fixed.expected:
            return Verified(smiles, "changed")
        others = [p for p, which in zip(found, atoms, strict=True) if min(which) >= count]
    return Verified(smiles, "", tuple(_grown(others, link) for link in fixed.open_links))


def _atoms(text: str) -> Iterator[str]:
    """Yield the atoms of a text."""
    return (token for token in SMILES_PATTERN.findall(text) if _ATOM.fullmatch(token))


def _border(molecule: Any, text: str, count: int) -> tuple[dict[int, str], str]:  # noqa: ANN401 -- an RDKit molecule
    """Return the bonds between the first atoms and the rest, each with its link, and a fault if one cannot be cut."""
    from rdkit import Chem  # RDKit is heavy

    ends: dict[str, list[int]] = {}
    for link, atom in _places(text):
        ends.setdefault(link, []).append(atom)
    of_pair = {frozenset(pair): link for link, pair in ends.items()}
    border: dict[int, str] = {}
    for bond in molecule.GetBonds():
        pair = frozenset((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        if (min(pair) < count) == (max(pair) < count):
            continue
        if bond.IsInRing():
            return {}, "ring"
        if bond.GetBondType() != Chem.BondType.SINGLE:
            return {}, "multiple"
        if pair not in of_pair:
            return {}, "changed"  # a small ring number that the fixed part leaves open
        border[bond.GetIdx()] = of_pair[pair]
    return border, ""


def _places(text: str) -> Iterator[tuple[str, int]]:
    """Yield every link of a text with the number of its atom."""
    stack: list[int] = []
    atom, met = -1, -1
    for token in SMILES_PATTERN.findall(text):
        if token == "(":
            stack.append(atom)
        elif token == ")":
            atom = stack.pop()
        elif is_link(token):
            yield token, atom
        elif _ATOM.fullmatch(token):
            met += 1
            atom = met


def _grown(parts: list[Any], link: str) -> str:
    """Return the part that hangs on a link, its own dummy as `*`, any other with the number of its link."""
    from rdkit import Chem  # RDKit is heavy

    label = LABEL + int(link[1:]) - FIRST_LINK
    for part in parts:
        ends = [atom for atom in part.GetAtoms() if not atom.GetAtomicNum()]
        if label in {atom.GetIsotope() for atom in ends}:
            copy = Chem.RemoveHs(Chem.Mol(part))
            for atom in copy.GetAtoms():
                if not atom.GetAtomicNum() and atom.GetIsotope() >= LABEL:
                    atom.SetIsotope(
                        0 if atom.GetIsotope() == label else atom.GetIsotope() - LABEL + 1
                    )
            return Chem.MolToSmiles(copy)
    return ""


def verify(fragment: str, molecule: str) -> bool:
    """Return whether a molecule holds a fragment as it was given, something hanging on each of its points and nowhere else.

    Every place where the fragment may lie is tried: for molecules that come from elsewhere.

    Args:
        fragment: SMILES with points, dummies with one neighbour.
        molecule: SMILES.

    Example:
        >>> verify("*c1ccccc1", "CC(=O)Nc1ccccc1"), verify("*c1ccccc1", "CC(=O)Nc1ccccc1C")
        (True, False)
    """
    from rdkit import Chem, rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        whole, part = Chem.MolFromSmiles(molecule), Chem.MolFromSmiles(fragment)
        if whole is None or part is None or len(Chem.GetMolFrags(whole)) > 1:
            return False
        for atom in part.GetAtoms():
            if not atom.GetAtomicNum():
                atom.SetIsotope(0)
                atom.SetAtomMapNum(0)
        wanted = settled(Chem.MolToSmiles(part))
        heavy = [atom.GetIdx() for atom in part.GetAtoms() if atom.GetAtomicNum()]
        core = Chem.MolFromSmarts(Chem.MolFragmentToSmarts(part, heavy))
        for match in whole.GetSubstructMatches(core, uniquify=False, maxMatches=10_000):
            border = [
                bond.GetIdx()
                for bond in whole.GetBonds()
                if (bond.GetBeginAtomIdx() in match) != (bond.GetEndAtomIdx() in match)
            ]
            bonds = [whole.GetBondWithIdx(i) for i in border]
            if any(b.IsInRing() or b.GetBondType() != Chem.BondType.SINGLE for b in bonds):
                continue
            parts = (
                Chem.FragmentOnBonds(whole, border, dummyLabels=[(0, 0)] * len(border))
                if border
                else whole
            )
            atoms: list[tuple[int, ...]] = []
            found = Chem.GetMolFrags(parts, asMols=True, fragsMolAtomMapping=atoms)
            ours = [p for p, which in zip(found, atoms, strict=True) if set(match) & set(which)]
            if settled(".".join(Chem.MolToSmiles(p) for p in ours)) == wanted:
                return True
    return False
