"""Processes that are written where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.model.own import OwnPart
from taskloom_diffusion.processes.base import Process

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary


class OwnProcess(OwnPart, Process):
    """Process of your own, given as an object."""

    kind: Literal["object"] = "object"
    masks: bool = False
    """Its noise is the mask and nothing else."""

    @property
    def absorbing(self) -> bool:
        # Kept beside the class's name: a listing asks, and has no class to ask.
        return self.masks

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        process: NoisingProcess = self.part.build(vocabulary)
        return process
