"""Denoisers that are written where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.model.own import OwnPart

if TYPE_CHECKING:
    from torch import nn


class OwnDenoiser(OwnPart, Denoiser):
    """Network of your own, given as an object that builds it."""

    kind: Literal["object"] = "object"

    def build(self, vocab_size: int, max_length: int) -> nn.Module:
        network: nn.Module = self.part.build(vocab_size, max_length)
        return network
