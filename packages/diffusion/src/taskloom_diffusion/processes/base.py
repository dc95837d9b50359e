"""What a noising process is, and the configs of those that are built in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator
from taskloom import Component

from taskloom_diffusion.processes.transition import (
    check_transition_matrix,
    read_transition_matrix,
)

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary


class Process(Component):
    """How tokens turn into noise; a config that builds the process for a vocabulary."""

    @property
    def masks(self) -> bool:
        """Whether noise is the mask and nothing else, so that masks can be counted and revealed."""
        return False

    @abstractmethod
    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        """Build the process over the states of the vocabulary."""


class Absorbing(Process):
    """Every token falls into the mask, and stays there (D3PM absorbing, MDLM, MD4)."""

    kind: Literal["absorbing"] = "absorbing"

    @property
    def masks(self) -> bool:
        return True

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.absorbing import AbsorbingProcess

        return AbsorbingProcess(vocabulary)


class ExcitedState(Process):
    """PolyDiff's name for the absorbing process."""

    kind: Literal["excited_state"] = "excited_state"

    @property
    def masks(self) -> bool:
        return True

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
    rate: Literal["absorbing", "uniform", "neighbour", "band", "gaussian", "matrix"] = "neighbour"
    """Chain R: to the mask, to any token, to the adjacent ids, to ids within `width`, to ids by a Gaussian, or a matrix."""
    width: Annotated[float, Field(gt=0, le=10_000)] = 2.0
    """Reach of `band` and standard deviation of `gaussian` [token ids]."""
    speed: Annotated[float, Field(ge=1, le=1000)] = 1.0
    """Factor on the chain; at 1 its slowest mode decays exactly as the signal does. Slower, tokens would outlast the signal, at
    levels that no estimate of the bound visits."""
    file: Path | None = None
    """CSV or JSON file with a transition matrix; read once, its contents become part of the config."""
    tokens: tuple[str, ...] = ()
    """Tokens of the rows and columns of `matrix`; `[MASK]` may be one of them."""
    matrix: tuple[tuple[float, ...], ...] = ()
    """Transition matrix of one jump, rows summing to 1; jumps come at unit rate before `speed`."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: object) -> object:
        """Take the matrix out of the file, so that a run knows what it used even when the file changes."""
        if not isinstance(data, Mapping) or not data.get("file") or data.get("matrix"):
            return data
        if data.get("rate", "matrix") != "matrix":
            raise ValueError(f"file is for rate = 'matrix', not '{data['rate']}'")
        tokens, matrix = read_transition_matrix(Path(str(data["file"])))
        return {**data, "rate": "matrix", "tokens": tokens, "matrix": matrix}

    @model_validator(mode="after")
    def _is_stochastic(self) -> D3pm:
        if self.rate == "matrix":
            check_transition_matrix(self.tokens, self.matrix)
        elif self.tokens or self.matrix:
            raise ValueError(f"tokens and matrix are for rate = 'matrix', not '{self.rate}'")
        return self

    @property
    def masks(self) -> bool:
        return self.rate == "absorbing"

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes.chains import build_chain

        return build_chain(vocabulary, self)
