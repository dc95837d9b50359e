"""Tokenizer configs: how text becomes token ids. None of them needs the network."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from taskloom import Component

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskloom_diffusion.tokenizers.vocabulary import Tokenizer


class TokenizerConfig(Component):
    """A way to cut text into tokens; a config that learns its vocabulary from a corpus."""

    @abstractmethod
    def fit(self, texts: Iterable[str]) -> Tokenizer:
        """Return the tokenizer whose vocabulary covers the texts."""


class RegexSmiles(TokenizerConfig):
    """Atoms, bonds, rings and branches of SMILES, bracket atoms whole; the polymers' star is a token."""

    kind: Literal["smiles"] = "smiles"

    def fit(self, texts: Iterable[str]) -> Tokenizer:
        from taskloom_diffusion.tokenizers.vocabulary import fit_symbols

        return fit_symbols("smiles", texts)


class Char(TokenizerConfig):
    """One token a character, of those that the corpus contains."""

    kind: Literal["char"] = "char"

    def fit(self, texts: Iterable[str]) -> Tokenizer:
        from taskloom_diffusion.tokenizers.vocabulary import fit_symbols

        return fit_symbols("char", texts)


class Byte(TokenizerConfig):
    """One token a byte of UTF-8: 256 tokens, whatever the corpus."""

    kind: Literal["byte"] = "byte"

    def fit(self, texts: Iterable[str]) -> Tokenizer:
        from taskloom_diffusion.tokenizers.vocabulary import byte_tokenizer

        del texts  # every byte is in the vocabulary
        return byte_tokenizer()


class HuggingFace(TokenizerConfig):
    """Any Hugging Face tokenizer that lies in a folder on this machine."""

    kind: Literal["huggingface"] = "huggingface"
    folder: Path
    """Folder with the tokenizer's files; nothing is fetched."""

    def fit(self, texts: Iterable[str]) -> Tokenizer:
        from taskloom_diffusion.tokenizers.huggingface import load_folder

        del texts  # its vocabulary is already learnt
        return load_folder(self.folder)
