"""Detectors that read the logits alone and have nothing to fit.

MSP: Hendrycks and Gimpel 2017 (arXiv 1610.02136). Energy: Liu et al. 2020 (arXiv 2010.03759). Max-logit: Hendrycks et al. 2022
(arXiv 1911.11132). GEN: Liu et al., CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import log_softmax, logsumexp

from taskloom_anomaly.detectors.base import (
    OUTPUT,
    Features,
    FeatureSpec,
    Need,
    Scores,
    Stream,
    Tensors,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.detectors.checks import model_output


@dataclass(frozen=True, slots=True)
class OutputDetector:
    """A score of the logits.

    Attributes:
        rate: Maps float64 logits, shape (n, K), to scores, shape (n,).
    """

    rate: Callable[[np.ndarray], np.ndarray]

    @property
    def needs(self) -> frozenset[Need]:
        """Logits, and nothing to fit to."""
        return frozenset({"logits"})

    def fit(self, stream: Stream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return nothing: the data is not read."""
        del stream, spec, seed
        return {}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores under the name of the output."""
        del fitted
        return {OUTPUT: by_blocks(self.rate, model_output(features))}


def max_softmax(logits: Float[np.ndarray, "n K"], temperature: float) -> Float[np.ndarray, " n"]:
    """Return - max_c p_c."""
    return -np.exp(log_softmax(logits / temperature, axis=1).max(axis=1))


def energy(logits: Float[np.ndarray, "n K"], temperature: float) -> Float[np.ndarray, " n"]:
    """Return - T log sum_c exp(l_c / T)."""
    return -temperature * np.asarray(logsumexp(logits / temperature, axis=1))


def max_logit(logits: Float[np.ndarray, "n K"]) -> Float[np.ndarray, " n"]:
    """Return - max_c l_c."""
    return -logits.max(axis=1)


def generalised_entropy(
    logits: Float[np.ndarray, "n K"], gamma: float, top: int
) -> Float[np.ndarray, " n"]:
    """Return the sum over the `top` largest probabilities of p^gamma (1 - p)^gamma."""
    log_p = np.sort(log_softmax(logits, axis=1), axis=1)[:, ::-1][:, :top]
    # log(1 - p) by expm1 keeps the digits of a probability that is all but one.
    log_rest = np.log(np.maximum(-np.expm1(log_p), 1e-300))
    return np.exp(gamma * (log_p + log_rest)).sum(axis=1)
