"""Scores beside those of pytorch-ood 0.4.0 on random logits and features.

The peer's scores are kept in `data/pytorch_ood.npz`, which `benchmarks/anomaly/detectors/parity_pytorch_ood.py --write` makes.
It computes in float32, hence the tolerance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.output import GEN, MSP, Energy, MaxLogit
from taskloom_anomaly.detectors.react import ReAct
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.vim import ViM

PEER = Path(__file__).parent / "data" / "pytorch_ood.npz"
NUM_CLASSES, WIDTH, NUM_TRAIN = 10, 16, 250


@pytest.fixture(scope="module")
def peer() -> dict[str, np.ndarray]:
    with np.load(PEER, allow_pickle=False) as stored:
        return {name: np.asarray(stored[name]) for name in stored.files}


def score(detector: Detector, peer: dict[str, np.ndarray], temperature: float = 1.0) -> np.ndarray:
    train, test = (peer[name].astype(np.float64) for name in ("train", "test"))
    weight, bias = peer["weight"], peer["bias"]
    stream = ArrayStream(
        Features({"h": train}, train @ weight.T + bias, labels=peer["labels"].astype(np.int64))
    )
    spec = FeatureSpec({"h": WIDTH}, NUM_CLASSES, "h", weight, bias)
    fitted = fit(detector, stream, spec, 0)
    found = detector.score(fitted, Features({"h": test}, (test @ weight.T + bias) / temperature))
    return next(iter(found.values()))


@pytest.mark.parametrize(
    ("name", "detector", "temperature", "factor"),
    [
        # Tempered, because the peer's float32 rounds confident samples to ties and clamps probabilities.
        ("msp", MSP(), 4.0, 1.0),
        ("energy", Energy(), 1.0, 1.0),
        ("maxlogit", MaxLogit(), 1.0, 1.0),
        # The peer divides by the number of classes.
        ("gen", GEN(), 10.0, 1.0 / NUM_CLASSES),
        ("knn", KNN(standardise=False, k=10), 1.0, 1.0),
        ("vim", ViM(rank=8), 1.0, 1.0),
        ("react", ReAct(), 1.0, 1.0),
        # The peer inverts the scatter, not the covariance, and halves the distance.
        (
            "mahalanobis",
            Mahalanobis(mode="class", classes="label"),
            1.0,
            0.5 / (NUM_TRAIN - NUM_CLASSES),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_scores_equal_those_of_pytorch_ood(
    name: str, detector: Detector, temperature: float, factor: float, peer: dict[str, np.ndarray]
) -> None:
    expected = peer[f"score.{name}"]
    found = factor * score(detector, peer, temperature)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).max() > 1e-3


def test_relative_mahalanobis_equals_that_of_pytorch_ood(peer: dict[str, np.ndarray]) -> None:
    # The peer's two terms are from scatters, so ours are scaled before they are subtracted.
    by_class = score(Mahalanobis(mode="class", classes="label"), peer) / (NUM_TRAIN - NUM_CLASSES)
    plain = score(Mahalanobis(), peer) / (NUM_TRAIN - 1)
    expected = peer["score.rmd"]
    np.testing.assert_allclose(by_class - plain, expected, atol=1e-5 * np.abs(expected).max())
