"""The log ratio of two Gaussian densities: log N(a; untrusted) - log N(a; trusted).

Both are restricted to the non-null directions of whichever split has fewer of them, where both covariances are then shrunk, so
that neither density is degenerate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Need, Tensors
from taskloom_anomaly.detectors.gaussian import (
    GaussianDetector,
    KnownMoments,
    project,
    squared_length,
)
from taskloom_anomaly.statistics import shrinkage
from taskloom_anomaly.statistics.standard import is_signal
from taskloom_anomaly.statistics.whitening import require_samples, spectrum

if TYPE_CHECKING:
    from jaxtyping import Float


class LikelihoodRatio(GaussianDetector):
    """Log ratio of an untrusted and a trusted Gaussian."""

    # The score is a difference of two distances, which wants the digits that float32 does not have.
    double: ClassVar[bool] = True

    kind: Literal["likelihood_ratio"] = "likelihood_ratio"
    shrinkage: Literal["none", "linear", "oas"] = "linear"
    """Rule by which both covariances are pulled towards (tr C / d) I; `linear` is the intensity of Bodnar et al."""
    rcond: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Directions whose variance is below this share of the largest are null, beside those that are rounding; both Gaussians live
    on what is left."""

    @property
    def needs(self) -> frozenset[Need]:
        """Both splits."""
        return frozenset({"activations", "trusted", "untrusted"})

    def fit_layer(self, layer: str, known: KnownMoments) -> Tensors:
        """Return both means, both whitening factors, and the constant from the determinants."""
        basis = self._common_basis(layer, known)
        fitted: Tensors = {}
        log_volume = {}
        for split, own in known.items():
            # Shrunk inside the common support, where the level is the mean of variances that exist.
            covariance = basis.T @ known.covariance(split) @ basis
            values, vectors = spectrum(self._shrunk(covariance, float(own.number)))
            if values[-1] <= 0:
                raise ValueError(
                    f"Layer '{layer}' has {split} samples without spread in some direction of the other split; choose a shrinkage."
                )
            fitted[f"{split}.mean"] = own.mean
            fitted[f"{split}.factor"] = known.units.back(basis @ (vectors / np.sqrt(values)))
            log_volume[split] = float(np.log(values).sum())
        # Halves of the log determinants: the same for every row, and all that makes the score a ratio of densities.
        fitted["constant"] = np.asarray(0.5 * (log_volume["trusted"] - log_volume["untrusted"]))
        return fitted

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return the log ratio [nat] of each row."""
        trusted, untrusted = (
            squared_length(project(rows, fitted[f"{split}.mean"], fitted[f"{split}.factor"]))
            for split in ("trusted", "untrusted")
        )
        return 0.5 * (trusted - untrusted) + fitted["constant"]

    def _common_basis(self, layer: str, known: KnownMoments) -> Float[np.ndarray, "d r"]:
        bases = []
        for split, own in known.items():
            values, vectors = spectrum(known.covariance(split))
            if self.shrinkage == "none":
                require_samples(layer, values, float(own.number) - 1, 0)
            kept = (values > self.rcond * values[0]) & is_signal(values, vectors, known.units.noise)
            bases.append(vectors[:, kept])
        # On the wider support one of the densities would be zero almost everywhere, and the ratio infinite.
        narrowest = min(bases, key=lambda basis: basis.shape[1])
        if not narrowest.shape[1]:
            raise ValueError(f"Layer '{layer}' does not vary in one of the two splits.")
        return np.ascontiguousarray(narrowest)

    def _shrunk(self, covariance: np.ndarray, count: float) -> np.ndarray:
        if self.shrinkage == "none":
            return covariance
        rule = shrinkage.linear if self.shrinkage == "linear" else shrinkage.oracle_approximating
        strength = rule(covariance, count)
        level = np.trace(covariance) / len(covariance)
        return (1 - strength) * covariance + strength * level * np.eye(len(covariance))
