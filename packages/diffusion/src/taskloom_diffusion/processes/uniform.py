"""Uniform noise (D3PM uniform, UDLM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.processes.base import Process

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary


class Uniform(Process):
    """Tokens that turn into uniformly drawn ones."""

    kind: Literal["uniform"] = "uniform"

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.interpolating_torch import (
            uniform_process,
        )  # torch is heavy

        return uniform_process(vocabulary)
