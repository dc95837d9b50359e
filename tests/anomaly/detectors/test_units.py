"""The units of features do not matter, and what a covariance drops is rounding."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from taskloom_anomaly import metrics
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.beatrix import Beatrix
from taskloom_anomaly.detectors.fit import fit, score
from taskloom_anomaly.detectors.iforest import IsolationForest
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.likelihood_ratio import LikelihoodRatio
from taskloom_anomaly.detectors.lof import LOF
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.pca_residual import PCAResidual
from taskloom_anomaly.detectors.que import QuantumEntropy
from taskloom_anomaly.detectors.spectral import Spectral
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.ted import TED
from taskloom_anomaly.detectors.vae import VAE

WIDTH = 9
RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(WIDTH, WIDTH)) / 3 + np.eye(WIDTH)


def rows(count: int, seed: int, shift: float = 0.0) -> Features:
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 2
    x = rng.normal(size=(count, WIDTH)) @ MIX + classes[:, None] + 3
    x[:, :3] += shift
    logits = np.eye(2)[classes] * 5.0
    return Features({"h": x}, logits=logits, labels=classes)


TRUSTED, NORMAL, ANOMALOUS = rows(300, 1), rows(80, 2), rows(80, 3, 1.5)
MIXTURE = Features(
    {"h": np.concatenate([rows(200, 4).activations["h"], rows(60, 5, 1.5).activations["h"]])},
    logits=np.concatenate([rows(200, 4).logits, rows(60, 5).logits]),  # type: ignore[list-item] # made with logits
)
# Factors and products of powers of two are exact, so that only sums differ.
SPEC = FeatureSpec({"h": WIDTH}, num_classes=2)
GAUSSIAN: list[Detector] = [
    *(Mahalanobis(mode=mode) for mode in ("global", "class", "relative", "diagonal", "simple_relative", "mixture")),
    *(Mahalanobis(shrinkage=kind) for kind in ("fixed", "oas", "ledoit_wolf")),
    *(Mahalanobis(mode="class", shrinkage=kind) for kind in ("oas", "ledoit_wolf")),
    QuantumEntropy(),
    *(LikelihoodRatio(shrinkage=kind) for kind in ("none", "linear", "oas")),
    PCAResidual(),
    Spectral(),
    KNN(k=5),
    KNN(k=5, normalize=False),
    LOF(k=10),
    TED(),
    Beatrix(),
]  # fmt: skip
TRAINED: list[Detector] = [VAE(epochs=3), IsolationForest(trees=30)]


def scaled(features: Features, factors: np.ndarray) -> Features:
    return Features(
        {"h": features.activations["h"] * factors}, logits=features.logits, labels=features.labels
    )


def scores_of(detector: Detector, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    stream = ArrayStream(scaled(TRUSTED, factors), scaled(MIXTURE, factors), 64)
    fitted = fit(detector, stream, SPEC, 0)
    normal, anomalous = (
        next(iter(score(detector, fitted, [scaled(part, factors)]).values()))
        for part in (NORMAL, ANOMALOUS)
    )
    return normal, anomalous


def label(detector: Any) -> str:  # noqa: ANN401
    return "-".join(str(v) for v in detector.model_dump(exclude_defaults=True).values()) or type(detector).__name__  # fmt: skip


@pytest.mark.parametrize("detector", GAUSSIAN, ids=label)
def test_powers_of_two_leave_every_score(detector: Detector) -> None:
    factors = 2.0 ** np.random.default_rng(7).integers(-20, 21, WIDTH)
    plain, moved = (scores_of(detector, f) for f in (np.ones(WIDTH), factors))
    for a, b in zip(plain, moved, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9 * np.abs(a).max())


@pytest.mark.parametrize("detector", [*GAUSSIAN, *TRAINED], ids=label)
def test_powers_of_ten_leave_the_auroc(detector: Detector) -> None:
    factors = 10.0 ** np.random.default_rng(8).integers(-6, 7, WIDTH)
    areas = [metrics.auroc(*scores_of(detector, f)) for f in (np.ones(WIDTH), factors)]
    assert areas[1] == pytest.approx(areas[0], abs=1e-4)


@pytest.mark.parametrize("mean", [0.0, 100.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_dependencies_are_dropped_and_nothing_else(mean: float, dtype: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2000, 20))
    x = np.c_[x, x[:, 0] + x[:, 1], x[:, 2] - x[:, 3]] + mean
    stream = ArrayStream(Features({"h": x.astype(dtype)}))
    fitted = fit(Mahalanobis(), stream, FeatureSpec({"h": 22}), 0)
    assert fitted["h/factor"].shape == (22, 20)


@pytest.mark.parametrize("gap", [1e-2, 1e-3])
def test_a_twin_feature_is_signal_in_float32_and_rounding_in_bfloat16(gap: float) -> None:
    rng = np.random.default_rng(4)

    def twins(count: int, shift: float) -> np.ndarray:
        first = rng.normal(size=count)
        return np.c_[first, first + gap * (rng.normal(size=count) + shift)].astype(np.float32)

    normal, anomalous = twins(400, 0.0), twins(400, 6.0)
    areas = {}
    for precision in ("float32", "bfloat16"):
        spec = FeatureSpec({"h": 2}, precisions={"h": precision})
        fitted = fit(Mahalanobis(), ArrayStream(Features({"h": twins(2000, 0.0)})), spec, 0)
        found = (Mahalanobis().score(fitted, Features({"h": x}))["h"] for x in (normal, anomalous))
        areas[precision] = metrics.auroc(*found)
    assert areas["float32"] > 0.99
    assert areas["bfloat16"] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("shrinkage", ["oas", "fixed"])
@pytest.mark.parametrize("standardise", [True, False])
def test_fewer_samples_than_features_make_small_systems(
    shrinkage: Literal["oas", "fixed"], standardise: bool
) -> None:
    """Equals the d x d form, whose covariance the estimator still gives, whatever the batches and shards."""
    from taskloom_anomaly.statistics import moments

    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 90)) * np.exp(rng.normal(size=90)) + 3
    test = rng.normal(size=(20, 90)) * 2 + 3
    detector = Mahalanobis(shrinkage=shrinkage, standardise=standardise)
    spec = FeatureSpec({"h": 90})
    fitted = fit(detector, ArrayStream(Features({"h": x}), batch_size=17), spec, 0)
    assert "h/thin_weights" in fitted
    own = moments.of_rows(x)
    factor = detector._estimator.factor("h", own.scatter, 60, 1, mean=own.mean, spacing=2.2e-16)
    expected = (((test - own.mean) @ factor) ** 2).sum(axis=1)
    found = detector.score(fitted, Features({"h": test}))["h"]
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    many = fit(detector, ArrayStream(Features({"h": np.r_[x, x[:40]]})), spec, 0)
    assert "h/factor" in many


def test_a_layer_of_equal_samples_is_refused() -> None:
    stream = ArrayStream(Features({"x": np.full((400, 3), 7.0, np.float32)}))
    with pytest.raises(ValueError, match=r"All 400 trusted samples are equal in layer 'x'\."):
        fit(Mahalanobis(), stream, FeatureSpec({"x": 3}), 0)


@pytest.mark.parametrize(
    ("active", "shift", "least"), [(0.15, 40, 0.99), (0.15, 5, 0.99), (0.5, 5, 0.99)]
)
def test_beatrix_has_one_scale_for_silent_and_busy_classes(
    active: float, shift: float, least: float
) -> None:
    from scipy.stats import norm

    def units(count: int, share: float, moved: float, seed: int) -> np.ndarray:
        x = np.random.default_rng(seed).normal(size=(count, 16))
        return np.maximum(x - norm.ppf(1 - share) + moved, 0)

    def both(count: int, seed: int) -> Features:
        x = np.r_[units(count, active, 0, seed), units(count, 0.9, 0, seed + 1)]
        return Features({"h": x}, logits=np.eye(2)[np.repeat([0, 1], count)])

    detector = Beatrix()
    fitted = fit(detector, ArrayStream(both(300, 1)), FeatureSpec({"h": 16}, num_classes=2), 0)
    other = Features({"h": units(200, 0.9, shift, 9)}, logits=np.eye(2)[np.ones(200, int)])
    normal, anomalous = (detector.score(fitted, part)["h"] for part in (both(200, 5), other))
    assert metrics.auroc(normal, anomalous) >= least
    assert max(normal.max(), anomalous.max()) < 1e4
