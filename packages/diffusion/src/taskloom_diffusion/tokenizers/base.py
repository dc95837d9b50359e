"""Base of the tokenizers: ways to cut text into token ids. None of them needs the network."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.model.part import DiffusionPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAD, MASK, END = "[PAD]", "[MASK]", "[END]"
SPECIAL = (PAD, MASK, END)


class FittedTokenizer(Protocol):
    """A tokenizer with its vocabulary: it cuts text into token ids and joins them again."""

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


class Tokenizer(DiffusionPart):
    """A way to cut text into tokens; it learns its vocabulary from a corpus."""

    learns_from_training: ClassVar[bool] = False
    """True where more than the list of symbols is learnt, which held-out texts must have no part in."""

    @abstractmethod
    def fit(self, texts: Iterable[str]) -> FittedTokenizer:
        """Return the tokenizer with a vocabulary that covers the texts."""

    def complaint(self, text: str) -> str:
        """Return why no vocabulary can cut a text; empty if one can."""
        del text
        return ""

    @classmethod
    @abstractmethod
    def restore(cls, saved: Mapping[str, Any]) -> FittedTokenizer:
        """Rebuild a fitted tokenizer from what its `save` returned; `saved["kind"]` is the kind of this class."""


# Before 0.2 all tokenizers stood here.
__getattr__ = old_names(__name__)
