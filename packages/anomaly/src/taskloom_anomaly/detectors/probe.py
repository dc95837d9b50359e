"""A supervised probe: what a linear detector could reach if anomalies were labelled.

The score is the log odds, not the probability: they rank alike, but probabilities near one round to ties.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    Features,
    FeatureSpec,
    Need,
    Scores,
    Stream,
    Tensors,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.statistics import scale
from taskloom_anomaly.statistics.logistic import fit_logistic

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.probe import Probe


@dataclass(frozen=True, slots=True)
class ProbeDetector:
    """Logistic regression, layer by layer.

    Attributes:
        config: The detector's parameters.
    """

    config: Probe

    @property
    def needs(self) -> frozenset[Need]:
        """Labels."""
        return self.config.needs

    def fit(self, stream: Stream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return weights, intercept and scaling by layer."""
        del seed
        if self.config.layer:
            checks.require_layer(self.config.layer, spec.widths)
        layers = [self.config.layer] if self.config.layer else list(spec.widths)
        return tensors.join(
            {layer: self._fit_layer(stream, layer, spec.widths[layer]) for layer in layers}
        )

    def _fit_layer(self, stream: Stream, layer: str, width: int) -> Tensors:
        def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for features in stream.batches("untrusted"):
                if features.anomalous is None:
                    raise ValueError(
                        "The probe needs to be told which untrusted samples are anomalous."
                    )
                rows, positions = checks.layer_rows(features, layer, width)
                labels = np.asarray(features.anomalous, dtype=np.float64)
                yield rows.astype(np.float64), np.repeat(labels, positions)

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
            if self.config.standardize
            else scale.unit(width)
        )
        centre, factor = known.mean, scale.inverse_deviation(known)
        weights = fit_logistic(
            lambda: (((rows - centre) * factor, labels) for rows, labels in read()),
            width,
            self.config.c,
        )
        own = weights[:-1] * factor
        return {"mean": centre, "weights": own, "intercept": np.asarray(weights[-1])}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the log odds of being anomalous [nat] by layer."""
        scores = {}
        for layer, own in tensors.apart(fitted).items():
            rows, positions = checks.layer_rows(features, layer, len(own["mean"]))
            odds = by_blocks(
                lambda block, own=own: (block - own["mean"]) @ own["weights"] + own["intercept"],
                rows,
            )
            scores[layer] = odds.reshape(-1, positions).mean(axis=1)
        return scores
