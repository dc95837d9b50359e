"""A supervised probe: what a linear detector could reach if anomalies were labelled.

The score is the log odds, not the probability: they rank alike, but probabilities near one round to ties.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    Features,
    FeatureSpec,
    FeatureStream,
    Need,
    Scores,
    Tensors,
    TrainedDetector,
)
from taskloom_anomaly.detectors.layerwise import score_layers
from taskloom_anomaly.statistics import scale
from taskloom_anomaly.statistics.logistic import fit_logistic


class Probe(TrainedDetector):
    """Logistic regression on labelled anomalies: a skyline."""

    kind: Literal["probe"] = "probe"
    layer: str = ""
    """The layer it reads; empty gives every layer a probe of its own."""
    c: Annotated[float, Field(gt=0)] = 1.0
    """Inverse strength of the penalty |w|^2 / 2."""
    standardize: bool = True
    """Centre the features and divide them by their standard deviation first."""

    @property
    def needs(self) -> frozenset[Need]:
        """Labels: for skylines only."""
        return frozenset({"activations", "untrusted", "anomaly_labels"})

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return weights, intercept and scaling by layer."""
        del seed
        if self.layer:
            checks.require_layer(self.layer, spec.widths)
        layers = [self.layer] if self.layer else list(spec.widths)
        return tensors.join(
            {layer: self._fit_layer(stream, layer, spec.widths[layer]) for layer in layers}
        )

    def _fit_layer(self, stream: FeatureStream, layer: str, width: int) -> Tensors:
        def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for features in stream.batches("untrusted"):
                if features.anomalous is None:
                    raise ValueError(
                        "The probe needs to be told which untrusted samples are anomalous."
                    )
                rows, positions = checks.layer_rows(features, layer, width)
                labels = np.asarray(features.anomalous, dtype=np.float64)
                # A position has the label of its sample.
                yield rows.astype(np.float64), np.repeat(labels, positions)

        # Counted before anything is fitted: a regression on one class has no finite weights.
        positives = [(float(labels.sum()), len(labels)) for _, labels in read()]
        anomalous, count = (sum(part) for part in zip(*positives, strict=True)) if positives else (0, 0)  # fmt: skip
        if not count:
            raise ValueError("The probe needs untrusted data and the task has none.")
        if not 0 < anomalous < count:
            raise ValueError(
                f"The probe needs normal and anomalous samples and was given {int(anomalous)} anomalous ones of {count}."
            )
        known = (
            reduce(scale.merge, (scale.of_rows(rows) for rows, _ in read()), scale.empty(width))
            if self.standardize
            else scale.unit(width)
        )
        centre, factor = known.mean, scale.inverse_deviation(known)
        weights = fit_logistic(
            lambda: (((rows - centre) * factor, labels) for rows, labels in read()),
            width,
            self.c,
        )
        # The scaling goes into the weights, so that a score needs one product.
        own = weights[:-1] * factor
        return {"mean": centre, "weights": own, "intercept": np.asarray(weights[-1])}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the log odds of being anomalous [nat] by layer."""

        def rate(own: Tensors, rows: np.ndarray) -> np.ndarray:
            return (rows - own["mean"]) @ own["weights"] + own["intercept"]

        return score_layers(rate, fitted, features, "mean")
