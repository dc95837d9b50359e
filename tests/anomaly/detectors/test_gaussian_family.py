"""Quantum entropy, spectral signatures, likelihood ratio and PCA residual against their formulas."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.likelihood_ratio import LikelihoodRatio
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.pca_residual import PCAResidual
from taskloom_anomaly.detectors.que import QuantumEntropy
from taskloom_anomaly.detectors.spectral import Spectral
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.metrics import auroc

WIDTH = 9


def cloud(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(seed % 2 + 50).standard_normal((WIDTH, WIDTH))
    return rng.standard_normal((count, WIDTH)) @ mixing + 2.0


def fit_score(
    detector: Detector, test: np.ndarray, trusted: np.ndarray, untrusted: np.ndarray
) -> np.ndarray:
    stream = ArrayStream(Features({"layer": trusted}), Features({"layer": untrusted}), 64)
    fitted = fit(detector, stream, FeatureSpec({"layer": test.shape[1]}), 0)
    return detector.score(fitted, Features({"layer": test}))["layer"]


TRUSTED, UNTRUSTED, TEST = cloud(500, 0), cloud(300, 1), cloud(40, 3)


def whitened() -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(np.cov(TRUSTED.T))
    white = vectors / np.sqrt(values)
    return (TEST - TRUSTED.mean(axis=0)) @ white, white.T @ np.cov(UNTRUSTED.T) @ white


@pytest.mark.parametrize("alpha", [0.5, 4.0])
def test_que_is_the_matrix_exponential_of_the_whitened_covariance(alpha: float) -> None:
    # The seed system exponentiates the covariance it did not whiten (defect 1): this expectation fails on it.
    z, spread = whitened()
    weight = scipy.linalg.expm(alpha * spread / np.linalg.norm(spread, 2))
    expected = np.einsum("nd,de,ne->n", z, weight, z) * np.exp(-alpha)
    scores = fit_score(QuantumEntropy(alpha=alpha), TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, expected, rtol=1e-8)
    raw = np.cov(UNTRUSTED.T)
    theirs = np.einsum("nd,de,ne->n", z, scipy.linalg.expm(alpha * raw / np.linalg.norm(raw, 2)), z)
    assert np.median(np.abs(theirs * np.exp(-alpha) / scores - 1)) > 0.05


def test_que_tends_to_mahalanobis_as_alpha_vanishes() -> None:
    scores = fit_score(QuantumEntropy(alpha=0), TEST, TRUSTED, UNTRUSTED)
    expected = fit_score(Mahalanobis(), TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, expected, rtol=1e-9)


def test_que_tends_to_the_top_projection_as_alpha_grows() -> None:
    z, spread = whitened()
    top = np.linalg.eigh(spread)[1][:, -1]
    scores = fit_score(QuantumEntropy(alpha=1e4), TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, (z @ top) ** 2, rtol=1e-6, atol=1e-12)


def test_que_keeps_one_factor_and_exponentiates_nothing_while_scoring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The seed system takes a matrix exponential for every batch of scores (defect 13).
    stream = ArrayStream(Features({"layer": TRUSTED}), Features({"layer": UNTRUSTED}))
    detector = QuantumEntropy()
    fitted = fit(detector, stream, FeatureSpec({"layer": WIDTH}), 0)
    assert set(fitted) == {"layer/width", "layer/mean", "layer/factor"}
    for module in (scipy.linalg, np.linalg):
        for name in ("expm", "eigh", "inv", "pinv", "solve"):
            monkeypatch.delattr(module, name, raising=False)
    assert detector.score(fitted, Features({"layer": TEST}))["layer"].shape == (len(TEST),)


def test_que_does_not_overflow() -> None:
    assert np.isfinite(fit_score(QuantumEntropy(alpha=1e6), TEST, TRUSTED, UNTRUSTED)).all()


def test_que_of_a_rank_deficient_layer_uses_its_support_only() -> None:
    def dead(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([rows, np.zeros((len(rows), 4))], axis=1)

    scores = fit_score(QuantumEntropy(), dead(TEST), dead(TRUSTED), dead(UNTRUSTED))
    expected = fit_score(QuantumEntropy(), TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, expected, rtol=1e-7)


def signatures(rows: np.ndarray, untrusted: np.ndarray, rank: int) -> np.ndarray:
    """Algorithm 1 of Tran, Li and Madry with the singular vectors of the centred activations, for one class."""
    centred = untrusted - untrusted.mean(axis=0)
    vectors = np.linalg.svd(centred, full_matrices=False)[2][:rank]
    return (((rows - untrusted.mean(axis=0)) @ vectors.T) ** 2).sum(axis=1)


@pytest.mark.parametrize("rank", [1, 3])
def test_spectral_without_classes_is_the_projection_on_the_top_untrusted_direction(
    rank: int,
) -> None:
    detector = Spectral(standardise=False, rank=rank, classes="none")
    scores = fit_score(detector, TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, signatures(TEST, UNTRUSTED, rank), rtol=1e-9)


@pytest.mark.parametrize("source", ["predicted", "label"])
@pytest.mark.parametrize("rank", [1, 3])
def test_spectral_is_the_published_algorithm_class_by_class(
    rank: int, source: Literal["predicted", "label"]
) -> None:
    rng = np.random.default_rng(9)
    labels, logits = rng.integers(0, 3, 300), rng.standard_normal((300, 3))
    test_logits = rng.standard_normal((len(TEST), 3))
    untrusted = UNTRUSTED + 5.0 * labels[:, None]
    detector = Spectral(standardise=False, rank=rank, classes=source)
    stream = ArrayStream(None, Features({"layer": untrusted}, logits, labels=labels), 64)
    fitted = fit(detector, stream, FeatureSpec({"layer": WIDTH}, 3), 0)
    scores = detector.score(fitted, Features({"layer": TEST}, test_logits))["layer"]
    classes = labels if source == "label" else logits.argmax(axis=1)
    for c in range(3):
        own = test_logits.argmax(axis=1) == c
        expected = signatures(TEST[own], untrusted[classes == c], rank)
        np.testing.assert_allclose(scores[own], expected, rtol=1e-8)


def poisoned_classes(share: float) -> tuple[Features, Features, Features]:
    """Ten classes far apart; a share of class 0 is poisoned, which moves it along a direction of its own."""
    rng = np.random.default_rng(10)
    centres, poison = 20 * rng.standard_normal((10, 16)), 6 * np.eye(16)[3]

    def draw(count: int, classes: np.ndarray, moved: np.ndarray) -> Features:
        rows = centres[classes] + rng.standard_normal((count, 16)) + moved[:, None] * poison
        return Features({"layer": rows}, 9.0 * np.eye(10)[classes])

    classes = np.arange(2000) % 10
    untrusted = draw(2000, classes, (classes == 0) & (rng.random(2000) < share))
    normal = draw(1000, classes[:1000], np.zeros(1000))
    return untrusted, normal, draw(100, np.zeros(100, int), np.ones(100))


@pytest.mark.parametrize(
    ("classes", "share", "low", "high"),
    [
        ("predicted", 0.2, 0.97, 1.0),
        ("none", 0.2, 0.0, 0.75),
        # Where poison is most of its class, the clean samples are the outliers: the method's own assumption.
        ("predicted", 0.8, 0.0, 0.97),
    ],
)
def test_spectral_finds_poison_that_is_a_minority_of_its_class(
    classes: Literal["predicted", "none"], share: float, low: float, high: float
) -> None:
    untrusted, normal, anomalous = poisoned_classes(share)
    detector = Spectral(standardise=False, classes=classes)
    fitted = fit(detector, ArrayStream(None, untrusted), FeatureSpec({"layer": 16}, 10), 0)
    found = (detector.score(fitted, data)["layer"] for data in (normal, anomalous))
    assert low <= auroc(*found) <= high


def test_spectral_of_a_class_with_few_samples_takes_the_directions_of_all() -> None:
    logits = np.eye(4)[np.r_[np.zeros(200, int), np.ones(97, int), [2, 2, 2]]]
    detector = Spectral(standardise=False)
    stream = ArrayStream(None, Features({"layer": UNTRUSTED}, logits))
    fitted = fit(detector, stream, FeatureSpec({"layer": WIDTH}, 4), 0)
    residuals = (
        UNTRUSTED
        - np.stack([UNTRUSTED[logits[:, c] == 1].mean(axis=0) for c in range(3)])[
            logits.argmax(axis=1)
        ]
    )
    top = np.linalg.svd(residuals)[2][0]
    for c in (2, 3):
        centre = UNTRUSTED[297:].mean(axis=0) if c == 2 else UNTRUSTED.mean(axis=0)
        test = Features({"layer": TEST}, np.tile(np.eye(4)[c], (len(TEST), 1)))
        np.testing.assert_allclose(
            detector.score(fitted, test)["layer"], ((TEST - centre) @ top) ** 2, rtol=1e-8
        )


def test_spectral_refuses_a_rank_beyond_the_width() -> None:
    with pytest.raises(ValueError, match="'layer' has 9 features; a rank of 10"):
        fit_score(Spectral(rank=10, classes="none"), TEST, TRUSTED, UNTRUSTED)


def test_likelihood_ratio_is_the_difference_of_log_densities() -> None:
    def log_density(rows: np.ndarray) -> np.ndarray:
        return scipy.stats.multivariate_normal(rows.mean(axis=0), np.cov(rows.T)).logpdf(TEST)

    scores = fit_score(LikelihoodRatio(shrinkage="none"), TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, log_density(UNTRUSTED) - log_density(TRUSTED), rtol=1e-8)


def test_likelihood_ratio_shrinks_linearly_as_published() -> None:
    def log_density(rows: np.ndarray) -> np.ndarray:
        c, n = np.cov(rows.T), len(rows)
        target = np.trace(c) / WIDTH * np.eye(WIDTH)
        square = np.sum(target**2)
        keep = 1 - np.trace(c) ** 2 * square / n / (
            np.sum(c**2) * square - np.trace(c @ target) ** 2
        )
        pull = (1 - keep) * np.trace(c @ target) / square
        return scipy.stats.multivariate_normal(rows.mean(axis=0), keep * c + pull * target).logpdf(
            TEST
        )

    scores = fit_score(LikelihoodRatio(standardise=False), TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, log_density(UNTRUSTED) - log_density(TRUSTED), rtol=1e-8)


def test_likelihood_ratio_of_dead_units_is_that_of_the_others() -> None:
    def dead(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([rows, np.zeros((len(rows), 2))], axis=1)

    scores = fit_score(LikelihoodRatio(), dead(TEST), dead(TRUSTED), dead(UNTRUSTED))
    expected = fit_score(LikelihoodRatio(), TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, expected, rtol=1e-7)


@pytest.mark.parametrize(
    "detector",
    [PCAResidual(standardise=False, rank=3), PCAResidual(standardise=False, variance=0.8)],
)
def test_pca_residual_is_the_reconstruction_error(detector: PCAResidual) -> None:
    values, vectors = np.linalg.eigh(np.cov(TRUSTED.T))
    share = np.cumsum(values[::-1]) / values.sum()
    rank = detector.rank or int(np.argmax(share >= 0.8)) + 1
    top = vectors[:, -rank:]
    offset = TEST - TRUSTED.mean(axis=0)
    expected = ((offset - offset @ top @ top.T) ** 2).sum(axis=1)
    scores = fit_score(detector, TEST, TRUSTED, UNTRUSTED)
    np.testing.assert_allclose(scores, expected, rtol=1e-8)


def test_pca_residual_refuses_to_leave_no_residual() -> None:
    with pytest.raises(ValueError, match="use at most 8"):
        fit_score(PCAResidual(rank=9), TEST, TRUSTED, UNTRUSTED)


def test_detectors_of_two_splits_say_which_is_missing() -> None:
    with pytest.raises(ValueError, match="needs untrusted data and the task has none"):
        fit_score(QuantumEntropy(), TEST, TRUSTED, UNTRUSTED[:0])
