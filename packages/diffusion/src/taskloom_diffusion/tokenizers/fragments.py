"""Molecules as fragments joined by links, which a model can complete around what is fixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from taskloom.errors import ConfigError

from taskloom_diffusion.fragments.cutting import Cuts, cut, is_link
from taskloom_diffusion.tokenizers.base import MASK, Tokenizer
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer, split_smiles

if TYPE_CHECKING:
    import numpy as np

Order: TypeAlias = Literal["mixed", "random", "grown", "canonical"]


class FragmentSmiles(Tokenizer):
    """Fragments of molecules, joined by links: for decorating, linking, growing.

    Each cut bond is a ring-closure number from 50 on, a token of its own. What cannot be cut is written plainly.
    """

    kind: Literal["fragments"] = "fragments"
    cuts: Cuts = "brics"
    """Bonds that are cut, single ones outside of rings: by BRICS' rules, at rings, or every rotatable one."""
    order: Order = "mixed"
    """Order of the fragments in training, drawn anew in each epoch: any, or each next to an earlier one (`grown`), or half of
    the rows each; `canonical` is always RDKit's."""

    def complaint(self, text: str) -> str:
        try:
            split_smiles(text)
        except ConfigError as error:
            return error.message
        return ""

    def fit(self, texts: Iterable[str]) -> FragmentTokenizer:
        symbols = {
            piece for text in texts for piece in split_smiles(_in_fragments(text, self.cuts))
        }
        return FragmentTokenizer(sorted(symbols), self.cuts, self.order)

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> FragmentTokenizer:
        return FragmentTokenizer(saved["symbols"], saved["cuts"], saved["order"])


class FragmentTokenizer:
    """Tokenizer over the symbols of fragments; ids 0, 1 and 2 are the special tokens.

    Texts stay SMILES outside: they are cut to be encoded, and read back as SMILES of the same molecule.

    Args:
        symbols: The vocabulary without the special tokens.
        cuts: Bonds that are cut.
        order: Order of the fragments in training.
    """

    kind = "fragments"
    pad_id, mask_id, end_id = range(3)

    def __init__(self, symbols: Sequence[str], cuts: Cuts, order: Order) -> None:
        self.plain = SymbolTokenizer("smiles", symbols)
        self.tokens = self.plain.tokens
        self.cuts: Cuts = cuts
        self.order: Order = order
        self.dot_id = self.tokens.index(".") if "." in self.tokens else -1
        self.links = {i: token for i, token in enumerate(self.tokens) if is_link(token)}
        self._link_ids = sorted(self.links, key=lambda i: self.tokens[i])

    def encode(self, text: str) -> list[int]:
        return self.plain.encode(_in_fragments(text, self.cuts))

    def encode_with_ends(self, text: str) -> tuple[list[int], list[int]]:
        # Tokens are of another text than the characters: all of these are said once its last one is.
        ids = self.encode(text)
        return ids, [0] * (len(ids) - 1) + [len(text)]

    def encode_as_written(self, text: str) -> list[int]:
        """Return the ids of a text of fragments, or of a part of one, which is not cut."""
        return self.plain.encode(text)

    def written(self, ids: Iterable[int]) -> str:
        """Return the text of fragments."""
        return self.plain.decode(ids)

    def decode(self, ids: Iterable[int]) -> str:
        text = self.written(ids)
        # Half a molecule has no other SMILES than its own.
        return text if MASK in text else molecule_of(text) or text

    def save(self) -> dict[str, Any]:
        return {**self.plain.save(), "kind": "fragments", "cuts": self.cuts, "order": self.order}

    def varied(self, ids: np.ndarray, seed: int) -> np.ndarray:
        """Return a molecule's tokens with its fragments in another order, a function of the seed."""
        import numpy as np  # heavy for a listing

        if self.order == "canonical" or self.dot_id not in ids:
            return ids
        random = np.random.default_rng(seed)
        ends = np.flatnonzero(ids == self.end_id)
        behind = ids[ends[0] :] if len(ends) else ids[:0]
        ids = ids[: len(ids) - len(behind)]
        pieces = [part.tolist() for part in np.split(ids, np.flatnonzero(ids == self.dot_id))]
        pieces = [pieces[0], *(part[1:] for part in pieces[1:])]
        grown = self.order == "grown" or (self.order == "mixed" and random.random() < 0.5)
        order = self._grown(pieces, random) if grown else random.permutation(len(pieces)).tolist()
        chosen = [i for place in order for i in (self.dot_id, *pieces[place])][1:]
        return np.array([*self.renumbered(chosen), *behind], dtype=ids.dtype)

    def renumbered(self, ids: Iterable[int]) -> list[int]:
        """Return ids with links numbered by first appearance."""
        given = list(ids)
        met = dict.fromkeys(i for i in given if i in self.links)
        numbers = dict(zip(met, self._link_ids, strict=False))
        return [numbers.get(i, i) for i in given]

    def _grown(self, pieces: Sequence[Sequence[int]], random: np.random.Generator) -> list[int]:
        """Return an order in which each fragment hangs on an earlier one, as long as one does."""
        links = [{i for i in piece if i in self.links} for piece in pieces]
        left = list(range(len(pieces)))
        order: list[int] = []
        reached = set[int]()
        while left:
            near = [place for place in left if links[place] & reached] or left
            chosen = near[int(random.integers(len(near)))]
            order.append(chosen)
            left.remove(chosen)
            reached |= links[chosen]
        return order


# Cutting takes a millisecond and more, and a corpus is cut for its vocabulary and again for its tokens.
@lru_cache(maxsize=2**19)
def _in_fragments(text: str, cuts: Cuts) -> str:
    return cut(text, cuts).text


@lru_cache(maxsize=2**14)
def molecule_of(text: str) -> str:
    """Return the canonical SMILES of a text of fragments; empty if it is no molecule."""
    from rdkit import Chem, rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(text)
    if molecule is None or not molecule.GetNumAtoms():
        return ""
    return Chem.MolToSmiles(molecule)
