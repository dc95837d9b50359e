"""What a noising process is, and the configs of those that are built in."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Component

if TYPE_CHECKING:
    from taskloom_diffusion.protocols import NoisingProcess, Vocabulary


class Process(Component):
    """How tokens turn into noise; a config that builds the process for a vocabulary."""

    @abstractmethod
    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        """Build the process over the states of the vocabulary."""


class Absorbing(Process):
    """Every token falls into the mask, and stays there (D3PM absorbing, MDLM, MD4)."""

    kind: Literal["absorbing"] = "absorbing"

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.absorbing import AbsorbingProcess

        return AbsorbingProcess(vocabulary)


class ExcitedState(Process):
    """PolyDiff's name for the absorbing process."""

    kind: Literal["excited_state"] = "excited_state"

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.absorbing import AbsorbingProcess

        return AbsorbingProcess(vocabulary)


class Uniform(Process):
    """Every token turns into a token drawn uniformly (D3PM uniform, UDLM)."""

    kind: Literal["uniform"] = "uniform"

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.interpolating import uniform_process

        return uniform_process(vocabulary)


class Marginal(Process):
    """Every token turns into a token drawn from the corpus' own frequencies (DiGress)."""

    kind: Literal["marginal"] = "marginal"
    smoothing: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of the uniform law mixed in, so that no token of the vocabulary is unreachable."""

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.interpolating import marginal_process

        return marginal_process(vocabulary, self.smoothing)


class D3pm(Process):
    """Any Markov chain between tokens: transition matrices exp((sigma_t - sigma_s) R) with sigma = -log alpha."""

    kind: Literal["d3pm"] = "d3pm"
    rate: Literal["absorbing", "uniform", "neighbour"] = "neighbour"
    """Generator R; `neighbour` walks to the adjacent token ids (the discretised Gaussian of D3PM)."""
    speed: Annotated[float, Field(gt=0)] = 1.0
    """Factor on the generator; a slowly mixing walk over many tokens needs more than 1."""

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.markov import markov_process

        return markov_process(vocabulary, self.rate, self.speed)
