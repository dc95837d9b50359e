"""Shared data: a small stream of features with known anomalies, and what every detector's config is called."""

from __future__ import annotations

import numpy as np
import pytest
from taskloom_anomaly.detectors.protocol import Features, FeatureSpec

WIDTHS = {"hidden_0": 12, "hidden_1": 8}
NUM_CLASSES = 4


def make_features(count: int, seed: int, *, anomalous: bool = False) -> Features:
    """Return features of a random two-layer network; anomalous samples lie far outside the trusted cloud."""
    weights = np.random.default_rng(99)
    first = weights.standard_normal((10, 12)) / np.sqrt(10)
    second = weights.standard_normal((12, 8)) / np.sqrt(12)
    head, bias = make_head()
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, NUM_CLASSES, count)
    centres = 2.0 * weights.standard_normal((NUM_CLASSES, 10))
    inputs = centres[labels] + rng.standard_normal((count, 10))
    if anomalous:
        inputs = 8.0 * rng.standard_normal((count, 10)) - 6.0
    hidden_0 = np.tanh(inputs @ first) + 0.05 * rng.standard_normal((count, 12))
    hidden_1 = hidden_0 @ second + 0.05 * rng.standard_normal((count, 8))
    return Features(
        activations={
            "hidden_0": hidden_0.astype(np.float32),
            "hidden_1": hidden_1.astype(np.float32),
        },
        logits=(hidden_1 @ head.T + bias).astype(np.float32),
        inputs=inputs.astype(np.float32),
        labels=labels,
        anomalous=np.full(count, anomalous),
    )


def make_head() -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and bias of the last layer."""
    rng = np.random.default_rng(98)
    return rng.standard_normal((NUM_CLASSES, 8)), rng.standard_normal(NUM_CLASSES)


@pytest.fixture
def trusted() -> Features:
    """600 trusted samples."""
    return make_features(600, 0)


@pytest.fixture
def spec() -> FeatureSpec:
    """The spec of these features."""
    head, bias = make_head()
    return FeatureSpec(WIDTHS, NUM_CLASSES, "hidden_1", head, bias)
