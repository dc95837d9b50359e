"""A detector in the form of version 0.1: a config of the old base whose `build()` makes the arithmetic."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import numpy as np
import pytest
from taskloom_anomaly.detectors.base import (
    Detector,
    Features,
    FeatureSpec,
    Scores,
    Split,
    Tensors,
)
from taskloom_anomaly.detectors.built import BuiltDetector
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.stream import ArrayStream

RNG = np.random.default_rng(0)
TRUSTED = Features({"layer": RNG.standard_normal((50, 3))})
TEST = Features({"layer": np.array([[0.0, 0, 0], [9, 9, 9]])})
SPEC = FeatureSpec({"layer": 3})


class Streaming:
    """Distance to the mean, from a sum and a count."""

    needs = frozenset({"activations", "trusted"})

    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        del seed
        return {"layer/sum": np.zeros(spec.widths["layer"]), "layer/count": np.zeros(())}

    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        del split
        rows = features.activations["layer"]
        return {
            "layer/sum": state["layer/sum"] + rows.sum(axis=0),
            "layer/count": state["layer/count"] + len(rows),
        }

    def finalize(self, state: Tensors) -> Tensors:
        return {"layer/mean": state["layer/sum"] / state["layer/count"]}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        offset = features.activations["layer"] - fitted["layer/mean"]
        return {"layer": np.linalg.norm(offset, axis=1)}


class Old(BuiltDetector):
    """Distance to the trusted mean."""

    kind: Literal["old"] = "old"

    def build(self) -> Streaming:
        return Streaming()


@pytest.mark.parametrize("batch_size", [7, 50])
def test_a_built_detector_is_fitted_and_scores(batch_size: int) -> None:
    detector = Old()
    assert isinstance(detector, Detector)
    fitted = fit(detector, ArrayStream(TRUSTED, batch_size=batch_size), SPEC, 0)
    mean = TRUSTED.activations["layer"].mean(axis=0)
    expected = np.linalg.norm(TEST.activations["layer"] - mean, axis=1)
    np.testing.assert_allclose(detector.score(fitted, TEST)["layer"], expected)


def test_a_detector_of_an_earlier_version_runs_with_one_warning() -> None:
    code = """
from typing import Literal
import numpy as np
from taskloom_anomaly.detectors.config.base import Detector
from taskloom_anomaly.detectors.config.knn import Knn
from taskloom_anomaly.detectors.protocol import Features, FeatureSpec
from taskloom_anomaly.detectors.driver import fit
from taskloom_anomaly.detectors.stream import ArrayStream

class Built:
    def fit(self, stream, spec, seed):
        return {"layer/mean": np.zeros(3)}
    def score(self, fitted, features):
        return {"layer": np.linalg.norm(features.activations["layer"] - fitted["layer/mean"], axis=1)}

class Mine(Detector):
    kind: Literal["mine"] = "mine"
    def build(self):
        return Built()

spec, data = FeatureSpec({"layer": 3}), Features({"layer": np.ones((4, 3))})
for detector in (Mine(), Knn(k=2)):
    fitted = fit(detector, ArrayStream(data), spec, 0)
    print(type(detector).__name__, *detector.score(fitted, data)["layer"][:1].round(3))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["Mine 1.732", "KNN 0.0"]
    assert done.stderr.count("FutureWarning") == 1
