"""The reconstruction error of a principal component analysis: |(I - V V^T) (a - m)|^2.

The complement of the subspace is kept as a basis of its own, so that the residual is one product and nothing cancels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.checks import require_residual
from taskloom_anomaly.detectors.gaussian import (
    GaussianDetector,
    KnownMoments,
    project,
    squared_length,
)
from taskloom_anomaly.statistics.whitening import spectrum

if TYPE_CHECKING:
    from jaxtyping import Float


class PCAResidual(GaussianDetector):
    """Distance to the principal subspace of the trusted activations."""

    kind: Literal["pca_residual"] = "pca_residual"
    rank: Annotated[int, Field(ge=0)] = 0
    """Principal directions; 0 chooses by `variance`."""
    variance: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """The fewest directions that explain this share of the trusted variance are the subspace."""

    def fit_layer(self, layer: str, known: KnownMoments) -> Tensors:
        """Return the mean and a basis of the complement."""
        own = known["trusted"]
        values, vectors = spectrum(known.covariance("trusted"))
        width, rank = len(values), self.rank
        if not rank:
            # The floor keeps a layer that does not vary from 0 / 0.
            explained = np.cumsum(values) / max(float(values.sum()), 1e-300)
            # Something must be left over: a layer whose variance sits in all directions alike loses its last one.
            rank = min(int(np.searchsorted(explained, self.variance)) + 1, width - 1)
        require_residual(layer, rank, width)
        return {"mean": own.mean, "complement": known.units.back(vectors[:, rank:])}

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return the squared residual of each row."""
        return squared_length(project(rows, fitted["mean"], fitted["complement"]))
