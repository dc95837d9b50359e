"""Molecules as fragments: cut at single bonds, each of which becomes a ring-closure number from 50 on, a link.

`CC(=O)Nc1ccc(O)cc1` is `C%50(C)=O.N%50%51.c%511ccc(O)cc1`: SMILES like any other, so that reading it back is reading SMILES.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from taskloom_diffusion.tokenizers.symbols import SMILES_PATTERN

Cuts: TypeAlias = Literal["brics", "ring", "rotatable"]
FIRST_LINK, MOST_LINKS = 50, 50
LABEL = 1001
"""Isotope of the dummy at the first cut; a user's own dummies with such isotopes are left alone, and nothing is cut."""
_LINK = re.compile(r"%[5-9]\d")
_LARGE_RING = re.compile(r"%\(|%[5-9]\d")
_DUMMY = re.compile(r"\[(\d+)\*\]")
_ROTATABLE = "[!$(*#*)&!D1]-&!@[!$(*#*)&!D1]"
_BONDS, _BOND_TOKENS = "/\\", "-=#$:/\\~"
_TURNED = str.maketrans("/\\", "\\/")


@dataclass(frozen=True)
class CutMolecule:
    """A molecule in fragments.

    Attributes:
        pieces: Fragments as SMILES, each link `%NN` of its own number.
        reason: Why there is only one, the molecule as it is: `no_cut`, `many_links`, `ring_number`, `label`, `round_trip`; empty
            where it is cut.
    """

    pieces: tuple[str, ...]
    reason: str = ""

    @property
    def text(self) -> str:
        """The fragments in their order, links numbered by first appearance."""
        return joined(self.pieces)


def is_link(token: str) -> bool:
    """Return whether a token is a cut bond."""
    return _LINK.fullmatch(token) is not None


def links_of(piece: str) -> list[str]:
    """Return the links of a fragment, in order."""
    return [token for token in SMILES_PATTERN.findall(piece) if is_link(token)]


def joined(pieces: Iterable[str]) -> str:
    """Return fragments as one text, links numbered by first appearance."""
    return "".join(renumbered(SMILES_PATTERN.findall(".".join(pieces))))


def renumbered(tokens: Iterable[str]) -> list[str]:
    """Return tokens with links numbered from 50 by first appearance."""
    numbers: dict[str, str] = {}
    return [
        numbers.setdefault(token, f"%{FIRST_LINK + len(numbers)}") if is_link(token) else token
        for token in tokens
    ]


@lru_cache(maxsize=2**18)
def cut(smiles: str, cuts: Cuts = "brics") -> CutMolecule:
    """Return a molecule in fragments, in the order in which RDKit writes them; as it is where it cannot be cut.

    Args:
        smiles: A molecule.
        cuts: Bonds that are cut: by BRICS' rules (single bonds only), at rings, or every rotatable one.

    Example:
        >>> cut("CC(=O)Nc1ccc(O)cc1").text
        'C%50(C)=O.N%50%51.c%511ccc(O)cc1'
    """
    from rdkit import Chem, rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            return CutMolecule((smiles,), "round_trip")
        canonical = Chem.MolToSmiles(molecule)
        # Parsed again, so that the order of atoms is a function of the molecule.
        molecule = Chem.MolFromSmiles(canonical) or molecule
        found = _cut(molecule, cuts)
        if found.reason:
            return CutMolecule((smiles,), found.reason)
        whole = Chem.MolFromSmiles(found.text)
        same = whole is not None and Chem.MolToSmiles(whole) == canonical
        return found if same else CutMolecule((smiles,), "round_trip")


def _cut(molecule: Any, cuts: Cuts) -> CutMolecule:  # noqa: ANN401 -- an RDKit molecule
    if any(a.GetIsotope() >= LABEL for a in molecule.GetAtoms() if not a.GetAtomicNum()):
        return CutMolecule((), "label")
    bonds = bonds_to_cut(molecule, cuts)
    if not bonds or len(bonds) > MOST_LINKS:
        return CutMolecule((), "many_links" if bonds else "no_cut")
    pieces, reason = pieces_of(molecule, bonds)
    return CutMolecule(pieces, reason)


def pieces_of(molecule: Any, bonds: Sequence[int]) -> tuple[tuple[str, ...], str]:  # noqa: ANN401 -- an RDKit molecule
    """Return the fragments of a molecule with its labelled dummies as links too, and a reason if there are none.

    Args:
        molecule: The molecule; dummies with labels behind those of the bonds are links that stay open.
        bonds: Bonds that are cut; the first becomes label 1001 and link `%50`.
    """
    from rdkit import Chem  # RDKit is heavy

    labels = [(LABEL + k, LABEL + k) for k in range(len(bonds))]
    parts = Chem.FragmentOnBonds(molecule, bonds, dummyLabels=labels) if bonds else molecule
    text = Chem.MolToSmiles(parts)
    if _LARGE_RING.search(text):
        return (), "ring_number"
    pieces = tuple(linked(piece) for piece in text.split("."))
    return (pieces, "") if all(pieces) else ((), "round_trip")


def bonds_to_cut(molecule: Any, cuts: Cuts) -> list[int]:  # noqa: ANN401 -- an RDKit molecule
    """Return the bonds that are cut: single, in no ring, between heavy atoms, never between two stereo double bonds."""
    from rdkit import Chem  # RDKit is heavy
    from rdkit.Chem import BRICS

    if cuts == "brics":
        pairs = [ends for ends, _ in BRICS.FindBRICSBonds(molecule)]  # type: ignore[no-untyped-call]  # RDKit leaves it untyped
    elif cuts == "rotatable":
        pairs = molecule.GetSubstructMatches(Chem.MolFromSmarts(_ROTATABLE))
    else:
        pairs = [
            (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
            for bond in molecule.GetBonds()
            if bond.GetBeginAtom().IsInRing() or bond.GetEndAtom().IsInRing()
        ]
    marked = {
        atom.GetIdx()
        for bond in molecule.GetBonds()
        if bond.GetStereo() > Chem.BondStereo.STEREOANY
        for atom in (bond.GetBeginAtom(), bond.GetEndAtom())
    }
    found = set()
    for first, second in pairs:
        bond = molecule.GetBondBetweenAtoms(first, second)
        ends = (bond.GetBeginAtom(), bond.GetEndAtom())
        plain = bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()
        # A mark between two double bonds says something of both, and has room in one fragment only.
        if plain and min(a.GetAtomicNum() for a in ends) > 1 and not {first, second} <= marked:
            found.add(bond.GetIdx())
    return sorted(found)


def linked(piece: str) -> str:
    """Return a fragment with its labelled dummies as links: label 1001 is `%50`; empty if no such text is the same fragment."""
    from rdkit import Chem  # RDKit is heavy

    molecule = Chem.MolFromSmiles(piece)
    if molecule is None:
        return ""
    wanted = Chem.MolToSmiles(molecule)
    text, centres = _linked_tokens(SMILES_PATTERN.findall(piece))
    # RDKit reads some centres of three neighbours as if a hydrogen were written, so which way round is tried out.
    for count in range(len(centres) + 1):
        for chosen in itertools.combinations(centres, count):
            tried = [_inverted(t) if i in chosen else t for i, t in enumerate(text)]
            again = Chem.MolFromSmiles(closed("".join(tried)))
            if again is not None and Chem.MolToSmiles(again) == wanted:
                return "".join(tried)
        if count == 2:
            break  # more centres at once were never needed
    return ""


def closed(piece: str) -> str:
    """Return a fragment with a labelled dummy at the other end of each link that is open in it."""
    links = links_of(piece)
    open_ones = [link for link in dict.fromkeys(links) if links.count(link) == 1]
    ends = [f".[{LABEL + int(link[1:]) - FIRST_LINK}*]{link}" for link in open_ones]
    return piece + "".join(ends)


@dataclass
class _Atom:
    """An atom of a fragment as it is written.

    Attributes:
        tokens: Itself and its ring numbers, to which links are added.
        branches: Number of branches behind it that hold more than a dummy.
        links: Whether it has any.
        swaps: Neighbours that links have passed on their way.
    """

    tokens: list[str]
    branches: int = 0
    links: bool = False
    swaps: int = 0


class _Writer:
    """A fragment on its way from labelled dummies to links, token by token."""

    def __init__(self) -> None:
        self.out: list[_Atom | str] = []
        self.stack: list[_Atom | None] = []
        self.atom: _Atom | None = None
        self.bond = ""
        self.leading = ""

    def take(self, token: str) -> None:
        """Write one token."""
        dummy = _DUMMY.fullmatch(token)
        if dummy and int(dummy.group(1)) >= LABEL:
            self._link(f"%{int(dummy.group(1)) - LABEL + FIRST_LINK}")
        elif token == "(":
            self.out.append(token)
            self.stack.append(self.atom)
        elif token == ")":
            self._close()
        elif token[0].isdigit() or token[0] == "%":
            if self.atom is not None:
                self.atom.tokens.append(self.bond + token)
            self.bond = ""
        elif token in _BOND_TOKENS:
            if self.leading and self.atom is None:
                # The bond of a dummy at the front is read from the other side behind the atom.
                self.leading = (token.translate(_TURNED) if token in _BONDS else "") + self.leading
            else:
                self.bond = token
        else:
            self._atom(token)

    def _link(self, link: str) -> None:
        if self.atom is None:
            self.leading = link
            return
        self.atom.tokens.append(self.bond + link)
        self.atom.links = True
        # A link stands before every branch that was written before its dummy.
        self.atom.swaps += self.atom.branches
        self.bond = ""

    def _close(self) -> None:
        atom = self.stack.pop()
        if self.out[-1] == "(":
            self.out.pop()  # the branch held a dummy and nothing else
        else:
            self.out.append(")")
            if atom is not None:
                atom.branches += 1
        self.atom = atom

    def _atom(self, token: str) -> None:
        self.out += [self.bond] if self.bond else []
        self.bond = ""
        self.atom = _Atom([token])
        self.out.append(self.atom)
        if self.leading:
            self.atom.tokens.append(self.leading)
            self.atom.links = True
            # The dummy came before the hydrogen, its link behind it.
            self.atom.swaps += "@H" in token
            self.leading = ""


def _linked_tokens(tokens: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the tokens with links, and the places of chiral centres that carry some."""
    writer = _Writer()
    for token in tokens:
        writer.take(token)
    text: list[str] = []
    centres: list[int] = []
    for part in writer.out:
        if isinstance(part, str):
            text.append(part)
            continue
        first, *rest = part.tokens
        if part.links and "@" in first:
            centres.append(len(text))
            first = _inverted(first) if part.swaps % 2 else first
        text += [first, *rest]
    return text, centres


def _inverted(token: str) -> str:
    return token.replace("@@", "@") if "@@" in token else token.replace("@", "@@")
