"""The protocol of the domain's tasks: where sequences come from. Everything else is the solver in the config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from taskloom import Config

if TYPE_CHECKING:
    from taskloom_diffusion.corpora.corpus import Corpus

C = TypeVar("C", bound=Config)


class CorpusTask(ABC, Generic[C]):
    """A corpus to model: p(x) over token sequences x, of which training minimises a bound on E[-log p(x)].

    Any class with `load_corpus` is one; this base keeps the config for it.

    Args:
        config: The config that fully determines the run.
    """

    def __init__(self, config: C) -> None:
        self.config = config

    @classmethod
    def __subclasshook__(cls, other: type, /) -> Any:  # noqa: ANN401 -- True, or NotImplemented for the ordinary test
        """Let a class that was written without this base be a task as it stands."""
        if cls is CorpusTask and callable(getattr(other, "load_corpus", None)):
            return True
        return NotImplemented

    @abstractmethod
    def load_corpus(self) -> Corpus:
        """Return the sequences, split into training and held-out ones, as `split_corpus` does."""

    def module(self) -> type[Any] | None:
        """Return the subclass of `DiffusionModule` to train, with a `training_step` of its own; None is that class itself."""
        return None
