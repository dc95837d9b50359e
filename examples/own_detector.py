"""A detector of your own: one class, fitted on activations in one pass, merged from shards, and compared with a shipped one."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from taskloom_anomaly.detectors.base import Features, FeatureSpec, Split, Tensors
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.gaussian import GaussianDetector
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.statistics.moments import Moments


class FurthestFeature(GaussianDetector):
    """Largest deviation of one feature from its trusted mean, in standard deviations."""

    kind: Literal["furthest_feature"] = "furthest_feature"
    floor: Annotated[float, Field(gt=0)] = 1e-6
    """Smallest standard deviation that divides."""

    def fit_layer(self, layer: str, known: dict[Split, Moments]) -> Tensors:
        own = known["trusted"]
        return {"mean": own.mean, "sd": np.sqrt(own.covariance.diagonal())}

    def score_layer(self, fitted: Tensors, rows: np.ndarray) -> np.ndarray:
        away = np.abs(rows - fitted["mean"]) / np.maximum(fitted["sd"], self.floor)
        return away.max(axis=1)


rng = np.random.default_rng(0)
trusted = rng.standard_normal((2000, 16))
normal, odd = rng.standard_normal((500, 16)), rng.standard_normal((500, 16))
odd[:, 3] += 4.0  # one feature alone is odd

for detector in (FurthestFeature(), Mahalanobis()):
    state = fit(
        detector, ArrayStream(Features({"hidden": trusted})), FeatureSpec({"hidden": 16}), seed=0
    )
    quiet, loud = (
        detector.score(state, Features({"hidden": rows}))["hidden"] for rows in (normal, odd)
    )
    print(f"{detector.kind}: {np.mean(loud[:, None] > quiet):.3f} of pairs in the right order")
