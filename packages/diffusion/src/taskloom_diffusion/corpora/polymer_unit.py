"""The canonical repeat unit of a polymer, which does not depend on where its maker cut the chain.

The two stars of a unit are one bond of the chain. Joined, they make a cyclic unit, of which every single bond of the
backbone outside of rings may be the cut; the smallest SMILES of all cuts is the unit's name. A unit that is a smaller one
several times over is that smaller one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from taskloom_diffusion.corpora.molecular_form import Form, Written, written

_CENTRE = re.compile("@+")


@dataclass(frozen=True)
class PolymerForm:
    """A choice about repeat units.

    Attributes:
        period: The smallest unit, or the one that the file has, which chemists may prefer.
    """

    period: Literal["smallest", "keep"] = "smallest"


def polymer_written(smiles: str, form: Form, polymer: PolymerForm) -> Written | None:
    """Return a polymer as its canonical repeat unit; what has not two stars of degree 1 stays a molecule, and is told."""
    found = written(smiles, form)
    if found is None:
        return None
    unit = repeat_unit(found.text, polymer)
    if unit is None:
        changes = (*found.changes, "no_polymer")
        return Written(found.text, found.whole, found.flat, changes, found.settled)
    whole = repeat_unit(found.whole, polymer) or found.whole
    flat = repeat_unit(found.flat, polymer) or found.flat
    text = smiles if form.spelling == "as_written" else unit
    return Written(text, whole, flat, found.changes, found.settled)


@lru_cache(maxsize=2**18)
def repeat_unit(smiles: str, polymer: PolymerForm = PolymerForm()) -> str | None:
    """Return the canonical repeat unit of a SMILES, or None if it is not one.

    Example:
        >>> [repeat_unit(text) for text in ("*CCO*", "*COC*", "*OCC*", "*CCCC*")]
        ['*CCO*', '*CCO*', '*CCO*', '*C*']
    """
    from rdkit import Chem  # RDKit is heavy

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or not is_polymer(molecule):
        return None
    cuts = list(_rotations(molecule))
    if polymer.period == "smallest":
        smaller = _smallest_period(cuts)
        if smaller is not None:
            return repeat_unit(smaller)
    # A cut between two ends that look alike would hide the handedness of a centre.
    texts = [Chem.MolToSmiles(cut) for cut in cuts]
    return min(texts, key=lambda text: (-_centres(text), len(text), text))


def _centres(text: str) -> int:
    return len(_CENTRE.findall(text))


def is_polymer(molecule: Any) -> bool:  # noqa: ANN401 -- an RDKit molecule
    """Return whether exactly two stars of degree 1, and no other stars, end the repeat unit."""
    stars = [atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0]
    return len(stars) == 2 and all(atom.GetDegree() == 1 for atom in stars)


def _ends(molecule: Any) -> tuple[list[int], list[int]]:  # noqa: ANN401 -- an RDKit molecule
    """Return the stars, and the backbone between them."""
    from rdkit import Chem  # RDKit is heavy

    stars = [atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0]
    if molecule.GetAtomWithIdx(stars[0]).GetNeighbors()[0].GetIdx() == stars[1]:
        return stars, []
    return stars, list(Chem.GetShortestPath(molecule, *stars))[1:-1]


def _can_be_cut(molecule: Any, left: int, right: int) -> bool:  # noqa: ANN401 -- an RDKit molecule
    from rdkit import Chem  # RDKit is heavy

    bond = molecule.GetBondBetweenAtoms(left, right)
    return bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()


def _rotations(molecule: Any) -> Iterator[Any]:  # noqa: ANN401 -- RDKit molecules
    """Yield the unit cut at every bond of its chain that may be cut; the first is the unit as it came."""
    yield molecule
    stars, path = _ends(molecule)
    types = {molecule.GetAtomWithIdx(star).GetBonds()[0].GetBondType() for star in stars}
    if len(path) < 2 or len(types) != 1:
        return
    (joint,) = types
    for left, right in pairwise(path):
        if not _can_be_cut(molecule, left, right):
            continue
        edit = _Edit(molecule)
        edit.part(left, right)
        edit.join(path[0], stars[0], path[-1], stars[1], joint)
        turned = edit.finish(stars)
        if turned is not None:
            yield turned


def _smallest_period(cuts: list[Any]) -> str | None:
    """Return the SMILES of the smallest unit that the whole is a multiple of, or None."""
    for cut in cuts:
        count = len(_ends(cut)[1])
        for size in (d for d in range(1, count) if count % d == 0):
            unit = _unit_of(cut, size)
            if unit is not None:
                return unit
    return None


def _unit_of(molecule: Any, size: int) -> str | None:  # noqa: ANN401 -- an RDKit molecule
    """Return the one unit of `size` backbone atoms that the whole is made of, head to tail; None if it is not."""
    from rdkit import Chem  # RDKit is heavy

    stars, path = _ends(molecule)
    pairs = [(path[i - 1], path[i]) for i in range(size, len(path), size)]
    if not all(_can_be_cut(molecule, *pair) for pair in pairs):
        return None
    edit = _Edit(molecule)
    # Head and tail are numbered: -CO-OC- is no multiple of -CO-.
    for star, end in zip(stars, (1, 2), strict=True):
        edit.molecule.GetAtomWithIdx(star).SetIsotope(end)
    for left, right in pairs:
        edit.part(left, right, (2, 1))
    whole = edit.finish([])
    if whole is None:
        return None
    texts = {Chem.MolToSmiles(part) for part in Chem.GetMolFrags(whole, asMols=True)}
    if len(texts) != 1:
        return None
    (labelled,) = texts
    unit = Chem.MolFromSmiles(labelled)
    for atom in unit.GetAtoms():
        if not atom.GetAtomicNum():
            atom.SetIsotope(0)
    text = str(Chem.MolToSmiles(unit))
    # Head and tail alike, a unit has no handedness of its own, though the chain has tacticity.
    return text if text.count("@") == labelled.count("@") else None


class _Edit:
    """Bonds that are taken apart and joined, with the marks of stereo centres and double bonds kept right.

    A neighbour that is replaced goes to the end of its atom's list, by which handedness is told.
    """

    def __init__(self, molecule: Any) -> None:  # noqa: ANN401 -- an RDKit molecule
        from rdkit import Chem  # RDKit is heavy

        self.molecule = Chem.RWMol(molecule)
        # E and Z are about ranks, which other neighbours change; sides of two named neighbours stay.
        same = (Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOCIS)
        self.double = [
            (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetStereo() in same, list(bond.GetStereoAtoms()))
            for bond in molecule.GetBonds()
            if len(bond.GetStereoAtoms()) == 2
        ]  # fmt: skip

    def part(self, left: int, right: int, labels: tuple[int, int] = (0, 0)) -> None:
        """Cut a single bond and put a star on both sides."""
        from rdkit import Chem  # RDKit is heavy

        self._turn(left, right)
        self._turn(right, left)
        self.molecule.RemoveBond(left, right)
        for atom, old, label in ((left, right, labels[0]), (right, left, labels[1])):
            star = self.molecule.AddAtom(Chem.Atom(0))
            self.molecule.GetAtomWithIdx(star).SetIsotope(label)
            self.molecule.AddBond(atom, star, Chem.BondType.SINGLE)
            self._replace(atom, old, star)

    def join(self, left: int, left_star: int, right: int, right_star: int, kind: Any) -> None:  # noqa: ANN401 -- a bond type
        """Put a bond in the place of two stars."""
        self._turn(left, left_star)
        self._turn(right, right_star)
        self.molecule.RemoveBond(left, left_star)
        self.molecule.RemoveBond(right, right_star)
        self.molecule.AddBond(left, right, kind)
        self._replace(left, left_star, right)
        self._replace(right, right_star, left)

    def finish(self, removed: list[int]) -> Any | None:  # noqa: ANN401 -- an RDKit molecule
        """Return the molecule without some atoms, or None if RDKit does not accept it."""
        from rdkit import Chem  # RDKit is heavy

        for begin, end, same_side, atoms in self.double:
            bond = self.molecule.GetBondBetweenAtoms(begin, end)
            bond.SetStereoAtoms(*atoms)
            bond.SetStereo(Chem.BondStereo.STEREOCIS if same_side else Chem.BondStereo.STEREOTRANS)
        for index in sorted(removed, reverse=True):
            self.molecule.RemoveAtom(index)
        made = self.molecule.GetMol()
        if Chem.SanitizeMol(made, catchErrors=True):
            return None
        Chem.SetDoubleBondNeighborDirections(made)
        Chem.AssignStereochemistry(made, cleanIt=True, force=True)
        # Read again, so that directions of bonds and labels of centres are those of the new unit.
        return Chem.MolFromSmiles(Chem.MolToSmiles(made))

    def _turn(self, index: int, neighbour: int) -> None:
        atom = self.molecule.GetAtomWithIdx(index)
        places = [bond.GetOtherAtomIdx(index) for bond in atom.GetBonds()]
        # From its place to the end is that many swaps, and each one turns a centre over.
        if (len(places) - 1 - places.index(neighbour)) % 2:
            atom.InvertChirality()

    def _replace(self, index: int, old: int, new: int) -> None:
        for begin, end, _, atoms in self.double:
            for side, atom in enumerate((begin, end)):
                if atom == index and atoms[side] == old:
                    atoms[side] = new
