"""Base of the denoisers: parameters of a network that predicts clean tokens."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Field

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.model.part import DiffusionPart

if TYPE_CHECKING:
    from torch import nn

Width: TypeAlias = Annotated[int, Field(ge=8, le=8192)]
Layers: TypeAlias = Annotated[int, Field(ge=1, le=96)]
Heads: TypeAlias = Annotated[int, Field(ge=1, le=128)]
Dropout: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


class Denoiser(DiffusionPart):
    """A network that predicts clean tokens; it is built for a vocabulary."""

    @abstractmethod
    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        """Build the network; its weights come from torch's generator, which the caller seeds."""


def check_heads(heads: int, width: int, *, even: bool = False) -> None:
    """Raise a `ValueError` if heads do not divide the width, or if they have an odd width where it must be even."""
    if width % heads or (even and (width // heads) % 2):
        kind = "an even number of times " if even else ""
        raise ValueError(f"num_heads = {heads} must divide width = {width} {kind}".strip())


# Before 0.2 all denoisers stood here.
__getattr__ = old_names(__name__)
