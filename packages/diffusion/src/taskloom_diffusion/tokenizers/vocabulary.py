"""Tokenizers over a fixed list of symbols, and the special tokens that all of them share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from taskloom.errors import ConfigError

PAD, MASK, END = "[PAD]", "[MASK]", "[END]"
SPECIAL = (PAD, MASK, END)
# Longest first: two-letter elements before letters, two-digit ring bonds before digits.
SMILES_PATTERN = re.compile(r"\[[^\[\]]+\]|Br|Cl|%\d\d|[BCNOPSFIHbcnops]|[0-9]|[-=#$:/\\.()*~@+]")


class Tokenizer(Protocol):
    """Cuts text into token ids and joins them again."""

    @property
    def tokens(self) -> Sequence[str]:
        """All tokens, by id."""
        ...

    @property
    def pad_id(self) -> int:
        """The id that fills a batch."""
        ...

    @property
    def mask_id(self) -> int:
        """The id of the mask."""
        ...

    @property
    def end_id(self) -> int:
        """The id that ends a sequence under the policy `eos_pad`."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; a `ConfigError` names the first piece that is not in the vocabulary."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text; special tokens vanish, except the mask, which is shown as [MASK]."""
        ...

    def save(self) -> dict[str, Any]:
        """Return plain JSON from which `load_tokenizer` rebuilds it."""
        ...


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


SPLITTERS: Mapping[str, Callable[[str], list[str]]] = {"smiles": split_smiles, "char": list}


class SymbolTokenizer:
    """Tokenizer over a list of symbols; ids 0, 1 and 2 are the special tokens.

    Args:
        kind: `smiles`, `char` or `byte`: how a text is split.
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

    def decode(self, ids: Iterable[int]) -> str:
        hidden = (self.pad_id, self.end_id)
        return "".join(self.tokens[i] for i in ids if i not in hidden)

    def save(self) -> dict[str, Any]:
        return {"kind": self.kind, "symbols": self.tokens[len(SPECIAL) :]}


class ByteTokenizer:
    """Tokenizer over the 256 bytes; ids 0, 1 and 2 are the special tokens."""

    pad_id, mask_id, end_id = range(3)
    kind = "byte"

    def __init__(self) -> None:
        self.tokens = [*SPECIAL, *(f"<{byte:02x}>" for byte in range(256))]

    def encode(self, text: str) -> list[int]:
        return [byte + len(SPECIAL) for byte in text.encode()]

    def decode(self, ids: Iterable[int]) -> str:
        data = b"".join(
            MASK.encode() if i == self.mask_id else bytes([i - len(SPECIAL)])
            for i in ids
            if i == self.mask_id or i >= len(SPECIAL)
        )
        return data.decode(errors="replace")

    def save(self) -> dict[str, Any]:
        return {"kind": "byte"}


def count_characters(tokenizer: Tokenizer, ids: Sequence[int]) -> int:
    """Return the characters that tokens stand for; of bytes, one that a window cuts counts where it begins."""
    if isinstance(tokenizer, ByteTokenizer):
        return sum(i >= len(SPECIAL) and (i - len(SPECIAL)) & 0xC0 != 0x80 for i in ids)
    return len(tokenizer.decode(ids))


def fit_symbols(kind: str, texts: Iterable[str]) -> SymbolTokenizer:
    """Return the tokenizer with every symbol of the texts, in sorted order."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(SPLITTERS[kind](text))
    return SymbolTokenizer(kind, sorted(seen))


def byte_tokenizer() -> ByteTokenizer:
    """Return the byte tokenizer."""
    return ByteTokenizer()


def load_tokenizer(saved: Mapping[str, Any]) -> Tokenizer:
    """Rebuild a tokenizer from what `save` returned."""
    if saved["kind"] == "byte":
        return ByteTokenizer()
    if saved["kind"] == "huggingface":
        from taskloom_diffusion.tokenizers.huggingface import HuggingFaceTokenizer

        return HuggingFaceTokenizer(saved["definition"], saved["special"])
    return SymbolTokenizer(saved["kind"], saved["symbols"])
