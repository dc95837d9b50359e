"""Noise by any Markov chain between tokens (D3PM, Austin et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator
from taskloom import InputPath

from taskloom_diffusion.processes.base import Process
from taskloom_diffusion.processes.transition import (
    check_transition_matrix,
    read_transition_matrix,
)

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary


class D3PM(Process):
    """Any Markov chain between tokens.

    From level s to level t the transition matrix is exp((sigma_t - sigma_s) R) with sigma = -log alpha.
    """

    kind: Literal["d3pm"] = "d3pm"
    rate: Literal["absorbing", "uniform", "neighbour", "band", "gaussian", "matrix"] = "neighbour"
    """Chain R: to the mask, to any token, to the adjacent ids, to ids within `width`, to ids by a Gaussian, or a matrix."""
    width: Annotated[float, Field(gt=0, le=10_000)] = 2.0
    """Reach of `band` and standard deviation of `gaussian` [token ids]."""
    speed: Annotated[float, Field(ge=1, le=1000)] = 1.0
    """Factor on the chain; at 1 its slowest mode decays exactly as the signal does. Slower, tokens would outlast the signal, at
    levels that no estimate of the bound visits."""
    file: InputPath | None = None
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
        # A file beside another rate is a mistake, and not a hint.
        if data.get("rate", "matrix") != "matrix":
            raise ValueError(f"file is for rate = 'matrix', not '{data['rate']}'")
        tokens, matrix = read_transition_matrix(Path(str(data["file"])))
        return {**data, "rate": "matrix", "tokens": tokens, "matrix": matrix}

    @model_validator(mode="after")
    def _is_stochastic(self) -> D3PM:
        if self.rate == "matrix":
            check_transition_matrix(self.tokens, self.matrix)
        elif self.tokens or self.matrix:
            raise ValueError(f"tokens and matrix are for rate = 'matrix', not '{self.rate}'")
        return self

    @property
    def absorbing(self) -> bool:
        return self.rate == "absorbing"

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        from taskloom_diffusion.processes import d3pm_torch  # torch is heavy

        if self.rate == "matrix":
            generator = d3pm_torch.matrix_chain(vocabulary, self.tokens, self.matrix, self.speed)
        else:
            generator = d3pm_torch.structured_chain(vocabulary, self.rate, self.width, self.speed)
        return d3pm_torch.MarkovProcess(vocabulary, generator, absorbing=self.absorbing)
