"""Characters and bytes of the original text that each token stands for, so that no figure depends on how a text was cut.

With tokens that end at r_1 <= r_2 <= ... in the text, token i has r_i - r_(i-1) characters, and the last one also what is
behind it: the sum is the length of the text for any cut. Nothing is ever decoded to be counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, runtime_checkable

from taskloom_diffusion.tokenizers.base import FittedTokenizer


@dataclass(frozen=True)
class Measured:
    """A text in tokens.

    Attributes:
        ids: Its tokens.
        characters: Characters of the text that each token ends; empty where the tokenizer cannot tell.
        bytes: The same in bytes of UTF-8.
    """

    ids: list[int]
    characters: list[int]
    bytes: list[int]


@runtime_checkable
class Locating(Protocol):
    """A tokenizer that knows where in the text its tokens end."""

    def encode_with_ends(self, text: str) -> tuple[list[int], list[int]]:
        """Return the ids of a text, and after how many of its characters each of them ends."""
        ...


def measure(tokenizer: FittedTokenizer, text: str) -> Measured:
    """Return the tokens of a text with the characters and bytes that each stands for.

    Raises:
        ConfigError: The text has pieces that are not in the vocabulary.

    Example:
        >>> from taskloom_diffusion.tokenizers.symbols import fit_symbols
        >>> measure(fit_symbols("smiles", ["CCl"]), "ClC").characters
        [2, 1]
    """
    if isinstance(tokenizer, Locating):
        ids, ends = tokenizer.encode_with_ends(text)
    else:
        ids = tokenizer.encode(text)
        parts = [tokenizer.decode([token]) for token in ids]
        if "".join(parts) != text:
            return Measured(ids, [], [])
        ends = list(accumulate(map(len, parts)))
    widths = _widths(ends, len(text))
    if text.isascii():
        return Measured(ids, widths, widths)
    sizes = [0, *accumulate(len(c.encode("utf-8", "surrogatepass")) for c in text)]
    reached = [sizes[r] for r in accumulate(widths)]
    return Measured(ids, widths, _widths(reached, sizes[-1]))


def _widths(ends: Sequence[int], length: int) -> list[int]:
    # A byte of a character that a later token completes has offsets behind it: ends never go back.
    reached = list(accumulate(ends, max))
    if reached:
        reached[-1] = length
    return [after - before for before, after in zip([0, *reached], reached, strict=False)]
