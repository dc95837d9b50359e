"""ViM, virtual-logit matching: Wang et al. 2022 (arXiv 2203.10807).

With the origin o = - W^+ b, at which all logits vanish, and the complement R of the top principal subspace of h - o:

    residual(h) = |R^T (h - o)|,  alpha = sum of max logits / sum of residuals over the trusted samples
    score(h)    = alpha residual(h) - log sum_c exp(l_c)

alpha needs R and R the covariance, so the trusted samples are read twice; nothing is kept of them.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors import checks
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
from taskloom_anomaly.detectors.gaussian import squared_length
from taskloom_anomaly.detectors.head import require_head
from taskloom_anomaly.statistics import moments
from taskloom_anomaly.statistics.whitening import spectrum

if TYPE_CHECKING:
    from jaxtyping import Float


class ViM(TrainedDetector):
    """Energy plus the residual of the last features, scaled as a logit."""

    kind: Literal["vim"] = "vim"
    rank: Annotated[int, Field(ge=0)] = 0
    """Principal directions that are not residual; 0 takes 1000 for widths from 2048, 512 from 768, else half the width."""

    @property
    def needs(self) -> frozenset[Need]:
        """The features before the last linear layer, the layer itself, and the logits."""
        return frozenset({"activations", "logits", "head", "trusted"})

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the origin, the complement and alpha."""
        del seed
        head = require_head(spec)
        width = spec.widths[head.layer]
        rank = self.rank or _default_rank(width)
        checks.require_residual(head.layer, rank, width)
        # The point at which all logits vanish, or come nearest to it where W has no full rank.
        origin = -np.linalg.pinv(head.weight) @ head.bias
        batches = (_features(features, head.layer, width) for features in stream.batches("trusted"))
        known = reduce(moments.add, batches, moments.empty(width))
        checks.require_trusted(bool(known.number))
        # The residual is taken about the origin, so the second moment is, too; the covariance is moved there.
        shift = known.mean - origin
        second = known.scatter / known.number + np.outer(shift, shift)
        complement = np.ascontiguousarray(spectrum(second).vectors[:, rank:])
        # The second pass: alpha needs residuals, and they need the complement that the first pass gives.
        largest = residual = 0.0
        for features in stream.batches("trusted"):
            offset = _features(features, head.layer, width) - origin
            residual += float(np.sqrt(squared_length(offset @ complement)).sum())
            largest += float(checks.model_output(features).max(axis=1).sum())
        return {
            f"{head.layer}/origin": origin,
            f"{head.layer}/complement": complement,
            f"{head.layer}/alpha": np.asarray(largest / max(residual, 1e-300)),
        }

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return one score a sample, under the name of the output."""
        from scipy.special import logsumexp  # scipy is heavy

        layer = next(iter(fitted)).rpartition("/")[0]
        origin, complement = fitted[f"{layer}/origin"], fitted[f"{layer}/complement"]

        def rate(rows: np.ndarray, logits: np.ndarray) -> np.ndarray:
            residual = np.sqrt(squared_length((rows - origin) @ complement))
            return fitted[f"{layer}/alpha"] * residual - logsumexp(logits, axis=1)

        rows = _features(features, layer, len(origin))
        return {OUTPUT: by_blocks(rate, rows, checks.model_output(features))}


def _features(features: Features, layer: str, width: int) -> Float[np.ndarray, "n d"]:
    rows, positions = checks.layer_rows(features, layer, width)
    if positions != 1:
        raise ValueError(f"Layer '{layer}' has {positions} positions; this detector needs one.")
    return rows.astype(np.float64)


def _default_rank(width: int) -> int:
    if width >= 2048:
        return 1000
    return 512 if width >= 768 else max(1, width // 2)
