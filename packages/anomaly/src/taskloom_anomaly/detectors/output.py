"""Detectors that read the logits alone and have nothing to fit.

MSP: Hendrycks and Gimpel 2017 (arXiv 1610.02136). Energy: Liu et al. 2020 (arXiv 2010.03759). Max-logit: Hendrycks et al. 2022
(arXiv 1911.11132). GEN: Liu et al., CVPR 2023.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import (
    OUTPUT,
    Features,
    FeatureSpec,
    FeatureStream,
    Need,
    Scores,
    Tensors,
    TrainedDetector,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.detectors.checks import model_output

if TYPE_CHECKING:
    from jaxtyping import Float


class OutputDetector(TrainedDetector):
    """A score of the logits."""

    @property
    def needs(self) -> frozenset[Need]:
        """Logits, and nothing to fit to."""
        return frozenset({"logits"})

    @abstractmethod
    def rate(self, logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
        """Return the score of each row of float64 logits."""

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return nothing: the data is not read."""
        del stream, spec, seed
        return {}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores under the name of the output."""
        del fitted
        return {OUTPUT: by_blocks(self.rate, model_output(features))}


class MSP(OutputDetector):
    """Largest softmax probability, negated."""

    kind: Literal["msp"] = "msp"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Divides the logits."""

    def rate(self, logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
        """Return - max_c p_c."""
        from scipy.special import log_softmax  # scipy is heavy

        return -np.exp(log_softmax(logits / self.temperature, axis=1).max(axis=1))


class Energy(OutputDetector):
    """Free energy of the logits."""

    kind: Literal["energy"] = "energy"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """T."""

    def rate(self, logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
        """Return - T log sum_c exp(l_c / T)."""
        return energy(logits, self.temperature)


class MaxLogit(OutputDetector):
    """Largest logit, negated."""

    kind: Literal["maxlogit"] = "maxlogit"

    def rate(self, logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
        """Return - max_c l_c."""
        return -logits.max(axis=1)


class GEN(OutputDetector):
    """Generalised entropy of the most probable classes."""

    kind: Literal["gen"] = "gen"
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Exponent; smaller values weigh small probabilities more."""
    top: Annotated[int, Field(ge=1)] = 100
    """Classes summed over, the most probable first."""

    def rate(self, logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
        """Return the sum over the `top` largest probabilities of p^gamma (1 - p)^gamma."""
        from scipy.special import logsumexp  # scipy is heavy

        ordered = np.sort(logits, axis=1)[:, ::-1]
        whole = np.asarray(logsumexp(ordered, axis=1, keepdims=True))
        log_p = ordered[:, : self.top] - whole
        # Of a probability that is all but one, what is left is a sum over the other classes, not a difference from one.
        log_rest = np.log(np.maximum(-np.expm1(log_p), 1e-300))
        if logits.shape[1] > 1:
            log_rest[:, 0] = np.asarray(logsumexp(ordered[:, 1:], axis=1)) - whole[:, 0]
        return np.exp(self.gamma * (log_p + log_rest)).sum(axis=1)


def energy(logits: Float[np.ndarray, "n K"], temperature: float) -> Float[np.ndarray, " n"]:
    """Return - T log sum_c exp(l_c / T)."""
    from scipy.special import logsumexp  # scipy is heavy

    return -temperature * np.asarray(logsumexp(logits / temperature, axis=1))
