"""Quantum entropy: Dong, Hopkins and Li 2019 (arXiv 1906.11366), on whitened activations (SPECTRE, arXiv 2104.11315).

Let W whiten the trusted covariance, z = W^T (a - m), and S = W^T cov(U) W the whitened untrusted covariance. Then

    score(a) = z^T exp(alpha S / |S|_2) z

With S = Q diag(s) Q^T this is |P^T (a - m)|^2 for P = W Q diag(exp(alpha (s / |S| - 1) / 2)), so one eigendecomposition at the
end of the fit replaces a matrix exponential for every batch. The - 1 divides every score by e^alpha, against overflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Need, Tensors
from taskloom_anomaly.detectors.gaussian import (
    GaussianDetector,
    KnownMoments,
    project,
    squared_length,
)
from taskloom_anomaly.statistics.whitening import require_samples, spectrum, whitening

if TYPE_CHECKING:
    from jaxtyping import Float


class QuantumEntropy(GaussianDetector):
    """Quantum entropy on whitened activations; needs untrusted data."""

    kind: Literal["que"] = "que"
    alpha: Annotated[float, Field(ge=0)] = 4.0
    """Sharpness with which the untrusted spread is weighted: 0 gives Mahalanobis, infinity its one widest direction."""
    rank: Annotated[int, Field(ge=0)] = 0
    """Leading trusted directions kept; 0 keeps all that are not null."""
    rcond: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Directions whose trusted variance is below this share of the largest are dropped, beside those that are rounding."""

    @property
    def needs(self) -> frozenset[Need]:
        """Both splits."""
        return frozenset({"activations", "trusted", "untrusted"})

    def fit_layer(self, layer: str, known: KnownMoments) -> Tensors:
        """Return the trusted mean and the factor P."""
        import scipy.linalg  # scipy is heavy

        trusted = known["trusted"]
        parts = spectrum(known.covariance("trusted"))
        require_samples(layer, parts.values, float(trusted.number) - 1, self.rank)
        white = whitening(parts, self.rcond, self.rank, known.units.noise)
        # The untrusted covariance must go through the same whitening as the point that is scored.
        values, vectors = scipy.linalg.eigh(
            white.T @ known.covariance("untrusted") @ white, driver="evd"
        )
        share = values / max(float(values[-1]), 1e-300) if len(values) else values
        weight = np.exp(0.5 * self.alpha * (np.maximum(share, 0.0) - 1.0))
        return {"mean": trusted.mean, "factor": known.units.back((white @ vectors) * weight)}

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return |P^T (a - m)|^2 of each row."""
        return squared_length(project(rows, fitted["mean"], fitted["factor"]))
