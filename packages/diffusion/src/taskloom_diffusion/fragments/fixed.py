"""Parts of a molecule that stay as they are: cut into fragments, with a link at each point where something may grow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from taskloom.errors import UsageError

from taskloom_diffusion.fragments.cutting import (
    FIRST_LINK,
    LABEL,
    MOST_LINKS,
    Cuts,
    bonds_to_cut,
    closed,
    joined,
    links_of,
    pieces_of,
)

# Signs of a pattern that SMILES has no use for, or another one.
_ONLY_SMARTS = re.compile(r"[*&,;!~]|\$\(|\[#|\[[A-Za-z@]*\d*[RXDr]\d")
_MARK = "mark where it may grow with *"


@dataclass(frozen=True)
class Fixed:
    """Fragments that a text begins with.

    Attributes:
        given: The part as the user wrote it.
        text: Its fragments, links numbered by first appearance.
        points: The label of the point at each open link, in the order of the links: `1` of `[*:1]`, else the number of the point.
        parts: Connected parts that it has: two of a pair to be linked.
    """

    given: str
    text: str
    points: tuple[str, ...]
    parts: int = 1

    @property
    def open_links(self) -> list[str]:
        """The links that what is drawn must close."""
        links = links_of(self.text)
        return [link for link in dict.fromkeys(links) if links.count(link) == 1]

    @property
    def expected(self) -> list[str]:
        """Canonical SMILES of the parts, a labelled dummy at each open link."""
        return settled(closed(self.text))

    def and_then(self, other: Fixed) -> Fixed:
        """Return both, one after the other.

        Raises:
            UsageError: They have more links than there are numbers.
        """
        own, others = (len(set(links_of(part.text))) for part in (self, other))
        if own + others > MOST_LINKS:
            raise UsageError(
                f"'{self.given}' and '{other.given}' have more than {MOST_LINKS} bonds to cut and points together"
            )
        # Links of the second are numbered behind those of the first.
        moved = _moved(other.text, own)
        points = [
            f"{side}{label}" for side, part in (("a", self), ("b", other)) for label in part.points
        ]
        text = joined([self.text, moved])
        return Fixed(f"{self.given}.{other.given}", text, tuple(points), self.parts + other.parts)


def _moved(text: str, by: int) -> str:
    for link in sorted(set(links_of(text)), reverse=True):
        text = text.replace(link, f"%{int(link[1:]) + by}")
    return text


def settled(text: str) -> list[str]:
    """Return the canonical SMILES of the parts of a text, sorted; empty if it is no molecule."""
    from rdkit import Chem  # RDKit is heavy

    molecule = Chem.MolFromSmiles(text)
    if molecule is None:
        return []
    parts = Chem.MolToSmiles(molecule).split(".")
    # Written once more: a part alone may be written otherwise than beside others.
    return sorted(Chem.MolToSmiles(Chem.MolFromSmiles(part)) for part in parts)


def read_molecule(smiles: str, what: str) -> Any:  # noqa: ANN401 -- an RDKit molecule
    """Return a molecule of one part.

    Raises:
        UsageError: RDKit does not accept it, or it has several parts.
    """
    from rdkit import Chem, rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        molecule = (
            Chem.MolFromSmiles(smiles) if smiles.strip() and len(smiles.split()) == 1 else None
        )
    if molecule is None or not molecule.GetNumAtoms():
        raise UsageError(f"{what} '{smiles}' is no molecule that RDKit can read")
    parts = len(Chem.GetMolFrags(molecule))
    if parts > 1:
        raise UsageError(f"{what} '{smiles}' has {parts} parts; give one that is connected")
    return molecule


def with_points(smiles: str, atoms: Sequence[int], what: str) -> str:
    """Return a molecule with a point at each of some atoms, in the place of a hydrogen.

    Args:
        smiles: The molecule.
        atoms: Numbers of atoms from 0 in the order of the text; one that is named twice gets two points.
        what: Words for it in errors.

    Raises:
        UsageError: There is no such atom, or it has no hydrogen left to give.
    """
    from rdkit import Chem  # RDKit is heavy

    molecule = read_molecule(smiles, what)
    edited: Any = Chem.RWMol(molecule)
    for number, index in enumerate(atoms, 1):
        if not 0 <= index < molecule.GetNumAtoms():
            raise UsageError(
                f"{what} '{smiles}' has atoms 0 to {molecule.GetNumAtoms() - 1}, and no atom {index}"
            )
        atom = edited.GetAtomWithIdx(index)
        if not atom.GetTotalNumHs():
            raise UsageError(
                f"atom {index} ({atom.GetSymbol()}) of {what} '{smiles}' has no hydrogen that something could take the place of"
            )
        if atom.GetNoImplicit() or atom.GetNumExplicitHs():
            atom.SetNumExplicitHs(max(atom.GetNumExplicitHs() - 1, 0))
        point = edited.AddAtom(Chem.Atom(0))
        edited.GetAtomWithIdx(point).SetAtomMapNum(number)
        edited.AddBond(index, point, Chem.BondType.SINGLE)
        Chem.SanitizeMol(edited)
    return Chem.MolToSmiles(edited)


def free_hydrogens(smiles: str, what: str) -> list[int]:
    """Return the atoms where something may grow, each as often as it has hydrogens.

    Raises:
        UsageError: There is none.
    """
    molecule = read_molecule(smiles, what)
    found = [atom.GetIdx() for atom in molecule.GetAtoms() for _ in range(atom.GetTotalNumHs())]
    if not found:
        raise UsageError(
            f"{what} '{smiles}' has no hydrogen that something could take the place of"
        )
    return found


def fixed_part(smiles: str, cuts: Cuts, what: str = "scaffold") -> Fixed:
    """Return what stays of a text, from a molecule with points: dummies with one neighbour, `*`, `[*:3]`, `[3*]`.

    Args:
        smiles: The molecule with its points.
        cuts: Bonds that are cut inside of it, as in training.
        what: Words for it in errors.

    Raises:
        UsageError: It cannot be read, has no point, or one that is none.

    Example:
        >>> fixed_part("*c1ccccc1", "brics").text
        'c%501ccccc1'
    """
    from rdkit import Chem  # RDKit is heavy

    molecule = read_molecule(smiles, what)
    points = [atom for atom in molecule.GetAtoms() if not atom.GetAtomicNum()]
    if not points:
        raise UsageError(f"{what} '{smiles}' has no attachment point; {_MARK}, or use grow")
    for atom in points:
        _check_point(atom, smiles, what)
    labels = [str(a.GetAtomMapNum() or a.GetIsotope() or n) for n, a in enumerate(points, 1)]
    unmarked = Chem.Mol(molecule)
    for atom in points:
        same = unmarked.GetAtomWithIdx(atom.GetIdx())
        same.SetAtomMapNum(0)
        same.SetIsotope(0)
    bonds = bonds_to_cut(unmarked, cuts)
    if len(bonds) + len(points) > MOST_LINKS:
        raise UsageError(f"{what} '{smiles}' has more than {MOST_LINKS} bonds to cut and points")
    first = LABEL + len(bonds)
    marked = Chem.Mol(unmarked)
    for number, atom in enumerate(points):
        marked.GetAtomWithIdx(atom.GetIdx()).SetIsotope(first + number)
    wanted = Chem.MolToSmiles(marked)
    pieces, _ = pieces_of(marked, bonds)
    ordered = grown_order(pieces)
    # Which point each open link is, before links are numbered anew.
    of_link = {f"%{FIRST_LINK + len(bonds) + n}": n for n in range(len(points))}
    raw = links_of(".".join(ordered))
    still = [of_link[link] for link in dict.fromkeys(raw) if link in of_link]
    text = joined(ordered)
    if not pieces or not _is_same(text, still, first, wanted):
        raise UsageError(f"{what} '{smiles}' cannot be written as fragments")
    return Fixed(smiles, text, tuple(labels[n] for n in still))


def _check_point(atom: Any, smiles: str, what: str) -> None:  # noqa: ANN401 -- an RDKit atom
    from rdkit import Chem  # RDKit is heavy

    where = f"the point at atom {atom.GetIdx()} of {what} '{smiles}'"
    degree = atom.GetDegree()
    if degree != 1:
        raise UsageError(f"{where} has {degree} neighbours; a point has one")
    (bond,) = atom.GetBonds()
    if bond.GetBondType() != Chem.BondType.SINGLE:
        raise UsageError(f"{where} hangs on a multiple bond; points are at single bonds")
    if not bond.GetOtherAtom(atom).GetAtomicNum():
        raise UsageError(f"{where} hangs on another point; a point is at an atom")


def grown_order(pieces: Sequence[str]) -> list[str]:
    """Return fragments in an order in which each hangs on an earlier one, as a beginning of a text is."""
    left, reached, order = list(pieces), set[str](), list[str]()
    while left:
        following = next((piece for piece in left if reached & {*links_of(piece)}), left[0])
        left.remove(following)
        order.append(following)
        reached |= {*links_of(following)}
    return order


def _is_same(text: str, still: Sequence[int], first: int, wanted: str) -> bool:
    """Return whether a text with its open links closed by the points is the molecule that was given."""
    from rdkit import Chem  # RDKit is heavy

    molecule = Chem.MolFromSmiles(closed(text))
    if molecule is None:
        return False
    links = links_of(text)
    order = [link for link in dict.fromkeys(links) if links.count(link) == 1]
    numbers = {LABEL + int(link[1:]) - FIRST_LINK: n for link, n in zip(order, still, strict=True)}
    for atom in molecule.GetAtoms():
        if not atom.GetAtomicNum() and atom.GetIsotope() >= LABEL:
            atom.SetIsotope(first + numbers[atom.GetIsotope()])
    return Chem.MolToSmiles(molecule) == Chem.MolToSmiles(Chem.MolFromSmiles(wanted))


def locked_part(smiles: str, lock: str, cuts: Cuts) -> Fixed:
    """Return the part of a molecule that matches a scaffold, cut out at its border.

    Args:
        smiles: The molecule.
        lock: The scaffold as SMILES or SMARTS.
        cuts: Bonds that are cut inside of it, as in training.

    Raises:
        UsageError: It is not there, its border cuts a ring or a multiple bond, or nothing is left to grow.
    """
    molecule = read_molecule(smiles, "molecule")
    inside = _match(molecule, lock, smiles)
    return fixed_part(cut_out(molecule, inside, smiles, lock), cuts)


def holds(smiles: str, lock: str) -> bool:
    """Return whether a molecule holds a scaffold, SMILES or SMARTS; every one holds none."""
    from rdkit import Chem, rdBase  # RDKit is heavy

    if not lock:
        return True
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return molecule is not None and bool(
        molecule.GetSubstructMatch(_pattern(lock), useChirality=True)
    )


def _pattern(lock: str) -> Any:  # noqa: ANN401 -- an RDKit molecule
    from rdkit import Chem, rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        pattern = None if _ONLY_SMARTS.search(lock) else Chem.MolFromSmiles(lock)
        pattern = pattern or Chem.MolFromSmarts(lock)
    if pattern is None or not pattern.GetNumAtoms():
        raise UsageError(f"lock '{lock}' is neither SMILES nor SMARTS")
    return pattern


def _match(molecule: Any, lock: str, smiles: str) -> set[int]:  # noqa: ANN401 -- an RDKit molecule
    found = molecule.GetSubstructMatch(_pattern(lock), useChirality=True)
    if not found:
        raise UsageError(f"lock '{lock}' is not in the molecule '{smiles}'")
    return set(found)


def cut_out(molecule: Any, inside: set[int], smiles: str, lock: str) -> str:  # noqa: ANN401 -- an RDKit molecule
    """Return the part of a molecule inside of some atoms, with a point at each bond that leaves it.

    Raises:
        UsageError: A bond that leaves it is in a ring or multiple, or none does.
    """
    from rdkit import Chem  # RDKit is heavy

    border = []
    for bond in molecule.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if (ends[0] in inside) == (ends[1] in inside):
            continue
        if bond.IsInRing() or bond.GetBondType() != Chem.BondType.SINGLE:
            kind = "a ring" if bond.IsInRing() else "a multiple bond"
            raise UsageError(
                f"the border of lock '{lock}' cuts {kind} of '{smiles}' between atoms {ends[0]} and {ends[1]}"
            )
        border.append(bond.GetIdx())
    if not border:
        raise UsageError(
            f"lock '{lock}' is all of the molecule '{smiles}': nothing is left to draw"
        )
    numbers = [(n, n) for n in range(1, len(border) + 1)]
    parts = Chem.FragmentOnBonds(molecule, border, dummyLabels=numbers)
    atoms: list[tuple[int, ...]] = []
    found = Chem.GetMolFrags(parts, asMols=True, fragsMolAtomMapping=atoms)
    kept = [part for part, which in zip(found, atoms, strict=True) if inside & set(which)]
    if len(kept) != 1:
        raise UsageError(
            f"lock '{lock}' is in {len(kept)} parts in '{smiles}'; it must be connected"
        )
    return Chem.MolToSmiles(kept[0])
