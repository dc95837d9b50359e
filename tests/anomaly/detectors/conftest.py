"""Shared data: a small stream of features with known anomalies, and what every detector's config is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax
from taskloom_anomaly.detectors.base import Features, FeatureSpec


class LinearModel:
    """Softmax regression as a model that can be trained: logits = x W + b."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self._parameters = {"weight": weight, "bias": bias}
        self.steps = 0

    def parameters(self) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in self._parameters.items()}

    def logits(self, parameters: Mapping[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
        return inputs @ parameters["weight"] + parameters["bias"]

    def loss_gradient(
        self, parameters: Mapping[str, np.ndarray], inputs: np.ndarray, labels: np.ndarray
    ) -> tuple[float, dict[str, np.ndarray]]:
        self.steps += 1
        log_p = log_softmax(self.logits(parameters, inputs), axis=1)
        slope = (np.exp(log_p) - np.eye(log_p.shape[1])[labels]) / len(labels)
        loss = -float(log_p[np.arange(len(labels)), labels].mean())
        return loss, {"weight": inputs.T @ slope, "bias": slope.sum(axis=0)}


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
    centres = 0.8 * weights.standard_normal((NUM_CLASSES, 10))
    inputs = centres[labels] + 0.5 * rng.standard_normal((count, 10))
    if anomalous:
        # A common direction, as a trigger has, and more spread.
        inputs = inputs * 1.5 + 4.0 * weights.standard_normal(10)
    before = inputs @ first
    hidden_0 = np.maximum(before, 0.2 * before) + 0.05 * rng.standard_normal((count, 12))
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
        handle=make_model(),
    )


def follows(kind: str, features: Features) -> Features:
    """Return features that a detector of a kind can follow: `lcf` compares layers of one width."""
    if kind != "lcf":
        return features
    return replace(features, activations={n: a[:, :8] for n, a in features.activations.items()})


def widths_of(kind: str) -> dict[str, int]:
    """Return the widths of what `follows` returns."""
    return dict.fromkeys(WIDTHS, 8) if kind == "lcf" else dict(WIDTHS)


def make_model() -> LinearModel:
    """Return a model of the inputs, for detectors that train one."""
    rng = np.random.default_rng(97)
    return LinearModel(rng.standard_normal((10, NUM_CLASSES)), np.zeros(NUM_CLASSES))


def make_head() -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and bias of the last layer."""
    rng = np.random.default_rng(98)
    return rng.standard_normal((NUM_CLASSES, 8)), rng.standard_normal(NUM_CLASSES)


@pytest.fixture(scope="session")
def data() -> dict[str, Features]:
    """Trusted, untrusted (one in six anomalous), normal test, anomalous and inconsistent samples."""
    clean, bad = make_features(250, 1), make_features(50, 2, anomalous=True)
    test = make_features(60, 3)
    return {
        "trusted": make_features(600, 0),
        "untrusted": joined(clean, bad),
        "test": test,
        "inconsistent": shuffled(test),
        "anomalous": make_features(40, 4, anomalous=True),
    }


def shuffled(features: Features) -> Features:
    """Return samples whose layers and output each look normal and do not belong together."""
    rng = np.random.default_rng(6)
    assert features.logits is not None
    return replace(
        features,
        activations={k: rng.permutation(v) for k, v in features.activations.items()},
        logits=rng.permutation(features.logits),
    )


def joined(a: Features, b: Features) -> Features:
    """Return the samples of both, mixed."""
    order = np.random.default_rng(5).permutation(len(a) + len(b))

    def both(x: np.ndarray | None, y: np.ndarray | None) -> np.ndarray | None:
        return None if x is None or y is None else np.concatenate([x, y])[order]

    return Features(
        {k: np.concatenate([v, b.activations[k]])[order] for k, v in a.activations.items()},
        both(a.logits, b.logits),
        both(a.inputs, b.inputs),
        both(a.labels, b.labels),
        both(a.anomalous, b.anomalous),
        a.handle,
    )


@pytest.fixture(scope="session")
def spec() -> FeatureSpec:
    """The spec of these features."""
    head, bias = make_head()
    return FeatureSpec(WIDTHS, NUM_CLASSES, "hidden_1", head, bias, make_model())
