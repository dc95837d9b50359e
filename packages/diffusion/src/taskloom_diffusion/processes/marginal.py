"""Noise with the frequencies of the corpus (DiGress, Vignac et al. 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_diffusion.processes.base import Process

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary


class Marginal(Process):
    """Tokens that turn into ones drawn by the corpus' frequencies."""

    kind: Literal["marginal"] = "marginal"
    smoothing: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of the uniform law mixed in, so that no token of the vocabulary is unreachable."""

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.interpolating_torch import (
            marginal_process,
        )  # torch is heavy

        return marginal_process(vocabulary, self.smoothing)
