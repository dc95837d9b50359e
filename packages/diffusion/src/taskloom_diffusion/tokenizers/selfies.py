"""SELFIES (Krenn et al. 2020), by the package `selfies`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

from taskloom.errors import ConfigError, MissingExtraError

from taskloom_diffusion.tokenizers.base import MASK, SPECIAL, Tokenizer


class Selfies(Tokenizer):
    """SELFIES of molecules: whatever is drawn is a molecule.

    Texts stay SMILES outside: they are written as SELFIES to be cut, and read back as SMILES of the same molecule.
    """

    kind: Literal["selfies"] = "selfies"

    def complaint(self, text: str) -> str:
        try:
            split_selfies(text)
        except ConfigError as error:
            return error.message
        return ""

    def fit(self, texts: Iterable[str]) -> SelfiesTokenizer:
        return SelfiesTokenizer(sorted({piece for text in texts for piece in split_selfies(text)}))

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> SelfiesTokenizer:
        return SelfiesTokenizer(saved["symbols"])


def split_selfies(text: str) -> list[str]:
    """Return the symbols of a SMILES.

    Raises:
        ConfigError: It has no SELFIES.
        MissingExtraError: The package is not installed.
    """
    library = _library()
    try:
        written: str = library.encoder(text)
    except library.EncoderError:
        raise ConfigError(f"'{text[:60]}' cannot be written as SELFIES") from None
    return list(library.split_selfies(written))


def _library() -> Any:  # noqa: ANN401 -- a package that few have
    try:
        return import_module("selfies")
    except ImportError:
        raise MissingExtraError(
            "tokenizer 'selfies' needs the package selfies; it is not installed",
            hint="pip install 'taskloom-diffusion[selfies]'",
        ) from None


class SelfiesTokenizer:
    """Tokenizer over the symbols of SELFIES; ids 0, 1 and 2 are the special tokens.

    Args:
        symbols: The vocabulary without the special tokens.
    """

    kind = "selfies"
    pad_id, mask_id, end_id = range(3)

    def __init__(self, symbols: Sequence[str]) -> None:
        self.tokens = [*SPECIAL, *symbols]
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    def encode(self, text: str) -> list[int]:
        try:
            return [self._ids[piece] for piece in split_selfies(text)]
        except KeyError as error:
            raise ConfigError(
                f"the token {error} of '{text[:60]}' is not in the vocabulary of {len(self.tokens)} tokens"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        symbols = [self.tokens[i] for i in ids if i not in (self.pad_id, self.end_id)]
        if MASK in symbols:
            # Half a molecule has no SMILES.
            return "".join(symbols)
        found: str = _library().decoder("".join(symbols))
        return found

    def save(self) -> dict[str, Any]:
        return {"kind": self.kind, "symbols": self.tokens[len(SPECIAL) :]}
