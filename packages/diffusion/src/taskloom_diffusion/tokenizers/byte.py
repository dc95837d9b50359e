"""Bytes as tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal

from taskloom_diffusion.tokenizers.base import MASK, SPECIAL, Tokenizer

_TOKENS = [*SPECIAL, *(f"<{byte:02x}>" for byte in range(256))]


class Byte(Tokenizer):
    """Bytes of UTF-8: 256 tokens, whatever the corpus.

    Nothing is learnt, so it is its own fitted tokenizer; ids 0, 1 and 2 are the special tokens.
    """

    kind: Literal["byte"] = "byte"

    @property
    def tokens(self) -> Sequence[str]:
        return _TOKENS

    @property
    def pad_id(self) -> int:
        return 0

    @property
    def mask_id(self) -> int:
        return 1

    @property
    def end_id(self) -> int:
        return 2

    def fit(self, texts: Iterable[str]) -> Byte:
        del texts  # every byte is in the vocabulary
        return self

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> Byte:
        del saved  # nothing is learnt
        return cls()

    def encode(self, text: str) -> list[int]:
        return [byte + len(SPECIAL) for byte in text.encode()]

    def encode_with_ends(self, text: str) -> tuple[list[int], list[int]]:
        ids = self.encode(text)
        # A character counts where its last byte is: a byte that begins one leaves the one before complete.
        begins = [(i - len(SPECIAL)) & 0xC0 != 0x80 for i in ids]
        begun = list(accumulate(map(int, begins)))
        last = [*begins[1:], True]
        return ids, [n if done else n - 1 for n, done in zip(begun, last, strict=False)]

    def decode(self, ids: Iterable[int]) -> str:
        data = b"".join(
            MASK.encode() if i == self.mask_id else bytes([i - len(SPECIAL)])
            for i in ids
            if i == self.mask_id or i >= len(SPECIAL)
        )
        return data.decode(errors="replace")

    def save(self) -> dict[str, Any]:
        return {"kind": "byte"}
