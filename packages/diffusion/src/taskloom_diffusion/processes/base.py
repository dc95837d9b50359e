"""Base of the noising processes: how tokens turn into noise."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.model.part import DiffusionPart

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary


class Process(DiffusionPart):
    """A way in which tokens turn into noise; it builds the process for a vocabulary."""

    @property
    def absorbing(self) -> bool:
        """Return whether noise is the mask and nothing else, so that masks can be counted and revealed."""
        return False

    @abstractmethod
    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        """Build the process over the states of the vocabulary."""


# Before 0.2 all processes stood here.
__getattr__ = old_names(__name__)
