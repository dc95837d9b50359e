"""Tokenizers over the symbols that a corpus contains: atoms and bonds, or characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal

from taskloom.errors import ConfigError

from taskloom_diffusion.tokenizers.base import SPECIAL, Tokenizer

# Longest first: two-letter elements before letters, two-digit ring bonds before digits.
SMILES_PATTERN = re.compile(
    r"\[[^\[\]]+\]|Br|Cl|%\(\d+\)|%\d\d|->|<-|[BCNOPSFIbcnops]|\d|[-=#$:/\\.()*~]"
)


class RegexSmiles(Tokenizer):
    """Atoms, bonds, rings and branches of SMILES.

    Bracket atoms are whole tokens; the polymers' star is one too.
    """

    kind: Literal["smiles"] = "smiles"

    def complaint(self, text: str) -> str:
        try:
            split_smiles(text)
        except ConfigError as error:
            return error.message
        return ""

    def fit(self, texts: Iterable[str]) -> SymbolTokenizer:
        return fit_symbols("smiles", texts)

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> SymbolTokenizer:
        return SymbolTokenizer("smiles", saved["symbols"])


class Char(Tokenizer):
    """Characters of the corpus."""

    kind: Literal["char"] = "char"

    def fit(self, texts: Iterable[str]) -> SymbolTokenizer:
        return fit_symbols("char", texts)

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> SymbolTokenizer:
        return SymbolTokenizer("char", saved["symbols"])


def split_smiles(text: str) -> list[str]:
    """Return the tokens of a SMILES; a `ConfigError` names the first character that no token covers."""
    pieces = SMILES_PATTERN.findall(text)
    if sum(map(len, pieces)) != len(text):
        rest = SMILES_PATTERN.sub("\0", text)
        stray = next(c for c in rest if c != "\0")
        raise ConfigError(
            f"'{text[:60]}' is not SMILES: the character '{stray}' at {text.index(stray)} starts no token"
        )
    return pieces


SPLITTERS: Mapping[str, Callable[[str], Iterable[str]]] = {"smiles": split_smiles, "char": iter}


class SymbolTokenizer:
    """Tokenizer over a list of symbols; ids 0, 1 and 2 are the special tokens.

    Args:
        kind: `smiles` or `char`: how a text is split.
        symbols: The vocabulary without the special tokens.
    """

    pad_id, mask_id, end_id = range(3)

    def __init__(self, kind: str, symbols: Sequence[str]) -> None:
        self.kind = kind
        self.tokens = [*SPECIAL, *symbols]
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    def encode(self, text: str) -> list[int]:
        try:
            return [self._ids[piece] for piece in SPLITTERS[self.kind](text)]
        except KeyError as error:
            raise ConfigError(
                f"the token {error} of '{text[:60]}' is not in the vocabulary of {len(self.tokens)} tokens"
            ) from None

    def encode_with_ends(self, text: str) -> tuple[list[int], list[int]]:
        ids = self.encode(text)
        return ids, list(accumulate(len(self.tokens[i]) for i in ids))

    def decode(self, ids: Iterable[int]) -> str:
        hidden = (self.pad_id, self.end_id)
        return "".join(self.tokens[i] for i in ids if i not in hidden)

    def save(self) -> dict[str, Any]:
        return {"kind": self.kind, "symbols": self.tokens[len(SPECIAL) :]}


def fit_symbols(kind: str, texts: Iterable[str]) -> SymbolTokenizer:
    """Return the tokenizer with every symbol of the texts, in sorted order."""
    return SymbolTokenizer(
        kind, sorted({piece for text in texts for piece in SPLITTERS[kind](text)})
    )
