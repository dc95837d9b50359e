"""ReAct: Sun, Guo and Li 2021 (arXiv 2111.12797). Features are cut at a trusted quantile, then the energy of their logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

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
from taskloom_anomaly.detectors.head import require_head
from taskloom_anomaly.detectors.output import energy
from taskloom_anomaly.statistics.quantile import exact_quantile


class ReAct(TrainedDetector):
    """Energy after the last features are cut at a trusted quantile."""

    kind: Literal["react"] = "react"
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Cut of the features, as a share of all trusted values."""

    @property
    def needs(self) -> frozenset[Need]:
        """The features before the last linear layer, and the layer itself."""
        return frozenset({"activations", "head", "trusted"})

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the cut and the head."""
        del seed
        head = require_head(spec)
        width = spec.widths[head.layer]

        def read() -> Iterator[np.ndarray]:
            for features in stream.batches("trusted"):
                yield checks.layer_rows(features, head.layer, width)[0]

        # Asked before the quantile, which could only say that it was given no values.
        checks.require_trusted(next(iter(read()), None) is not None)
        # The quantile is exact and takes two passes in constant memory.
        return {
            f"{head.layer}/cut": np.asarray(exact_quantile(read, self.quantile)),
            f"{head.layer}/weight": np.ascontiguousarray(head.weight.T),
            f"{head.layer}/bias": head.bias,
        }

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return one score a sample, under the name of the output."""
        layer = next(iter(fitted)).rpartition("/")[0]
        cut, weight, bias = (fitted[f"{layer}/{name}"] for name in ("cut", "weight", "bias"))

        def rate(rows: np.ndarray) -> np.ndarray:
            # The logits are computed anew from the cut features; those of the network have not seen the cut.
            return energy(np.minimum(rows.astype(np.float64), cut) @ weight + bias, 1.0)

        rows, positions = checks.layer_rows(features, layer, len(weight))
        return {OUTPUT: by_blocks(rate, rows).reshape(-1, positions).mean(axis=1)}
