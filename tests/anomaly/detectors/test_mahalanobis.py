"""The Mahalanobis detector against scikit-learn and the plain formula."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import scipy.stats
from scipy.special import logsumexp
from sklearn.covariance import OAS, LedoitWolf
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.stream import ArrayStream


def fit_score(
    detector: Mahalanobis,
    rows: np.ndarray,
    test: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    num_classes: int = 0,
    batch: int = 100,
) -> np.ndarray:
    stream = ArrayStream(Features({"layer": rows}, labels=labels), batch_size=batch)
    fitted = fit(detector, stream, FeatureSpec({"layer": rows.shape[1]}, num_classes), 0)
    return detector.score(fitted, Features({"layer": test}))["layer"]


@pytest.fixture
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((400, 10)) @ rng.standard_normal((10, 10)) + 3.0


@pytest.fixture
def test_rows() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((37, 10)) * 4


def distance(test: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    offset = test - mean
    return np.einsum("nd,de,ne->n", offset, np.linalg.pinv(covariance, hermitian=True), offset)


def test_mahalanobis_global_is_the_plain_formula(rows: np.ndarray, test_rows: np.ndarray) -> None:
    expected = distance(test_rows, rows.mean(axis=0), np.cov(rows.T))
    np.testing.assert_allclose(fit_score(Mahalanobis(), rows, test_rows), expected, rtol=1e-9)


@pytest.mark.parametrize(("kind", "estimator"), [("ledoit_wolf", LedoitWolf), ("oas", OAS)])
def test_mahalanobis_shrinkage_equals_scikit_learn(
    kind: Literal["ledoit_wolf", "oas"], estimator: type, rows: np.ndarray, test_rows: np.ndarray
) -> None:
    expected = estimator().fit(rows).mahalanobis(test_rows)
    scores = fit_score(Mahalanobis(standardise=False, shrinkage=kind), rows, test_rows)
    np.testing.assert_allclose(scores, expected, rtol=1e-8)


@pytest.mark.parametrize(("kind", "estimator"), [("ledoit_wolf", LedoitWolf), ("oas", OAS)])
def test_mahalanobis_class_shrinkage_equals_scikit_learn_on_the_residuals(
    kind: Literal["ledoit_wolf", "oas"], estimator: type, rows: np.ndarray, test_rows: np.ndarray
) -> None:
    labels = np.random.default_rng(2).integers(0, 3, len(rows))
    shifted = rows + 5.0 * labels[:, None]
    means = np.stack([shifted[labels == c].mean(axis=0) for c in range(3)])
    covariance = estimator(assume_centered=True).fit(shifted - means[labels]).covariance_
    expected = np.min([distance(test_rows, mean, covariance) for mean in means], axis=0)
    detector = Mahalanobis(standardise=False, mode="class", classes="label", shrinkage=kind)
    scores = fit_score(detector, shifted, test_rows, labels=labels, num_classes=3)
    np.testing.assert_allclose(scores, expected, rtol=1e-7)


def test_mahalanobis_relative_is_class_minus_global(
    rows: np.ndarray, test_rows: np.ndarray
) -> None:
    labels = np.random.default_rng(2).integers(0, 3, len(rows))
    arguments = {"labels": labels, "num_classes": 4}
    by_class = fit_score(Mahalanobis(mode="class", classes="label"), rows, test_rows, **arguments)
    relative = fit_score(
        Mahalanobis(mode="relative", classes="label"), rows, test_rows, **arguments
    )
    plain = fit_score(Mahalanobis(), rows, test_rows)
    np.testing.assert_allclose(relative, by_class - plain, rtol=1e-6, atol=1e-8)


def test_mahalanobis_mixture_is_the_density_of_one_gaussian_a_class(
    rows: np.ndarray, test_rows: np.ndarray
) -> None:
    labels = np.random.default_rng(2).integers(0, 3, len(rows))
    shifted = rows * (1 + labels[:, None]) + 5.0 * labels[:, None]
    parts = [shifted[labels == c] for c in range(3)]
    log_density = logsumexp(
        [
            np.log(len(part) / len(rows))
            + scipy.stats.multivariate_normal(part.mean(axis=0), np.cov(part.T)).logpdf(test_rows)
            for part in parts
        ],
        axis=0,
    )
    detector = Mahalanobis(mode="mixture", classes="label")
    scores = fit_score(detector, shifted, test_rows, labels=labels, num_classes=4)
    # The constant that all samples share is left out.
    np.testing.assert_allclose(np.diff(scores), -np.diff(log_density), rtol=1e-6, atol=1e-7)


def test_mahalanobis_diagonal_is_the_standardised_distance(
    rows: np.ndarray, test_rows: np.ndarray
) -> None:
    z = (test_rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    diagonal = fit_score(Mahalanobis(mode="diagonal"), rows, test_rows)
    np.testing.assert_allclose(diagonal, (z**2).sum(axis=1), rtol=1e-10)
    simple = fit_score(Mahalanobis(mode="simple_relative"), rows, test_rows)
    expected = fit_score(Mahalanobis(), rows, test_rows) - diagonal
    np.testing.assert_allclose(simple, expected, rtol=1e-9, atol=1e-9)


def test_mahalanobis_fixed_shrinkage_targets_the_mean_variance(
    rows: np.ndarray, test_rows: np.ndarray
) -> None:
    # The seed system's target was tr(C) I, d times too large (defect 3): this expectation fails on it.
    covariance = np.cov(rows.T)
    shrunk = 0.9 * covariance + 0.1 * np.trace(covariance) / 10 * np.eye(10)
    expected = distance(test_rows, rows.mean(axis=0), shrunk)
    scores = fit_score(
        Mahalanobis(standardise=False, shrinkage="fixed", amount=0.1), rows, test_rows
    )
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
    theirs = 0.9 * covariance + 0.1 * np.trace(covariance) * np.eye(10)
    assert (distance(test_rows, rows.mean(axis=0), theirs) < 0.9 * scores).all()


def test_mahalanobis_rank_keeps_the_leading_directions(
    rows: np.ndarray, test_rows: np.ndarray
) -> None:
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    factor = vectors[:, -3:] / np.sqrt(values[-3:])
    expected = (((test_rows - rows.mean(axis=0)) @ factor) ** 2).sum(axis=1)
    np.testing.assert_allclose(
        fit_score(Mahalanobis(standardise=False, rank=3), rows, test_rows), expected, rtol=1e-9
    )


def test_mahalanobis_of_dead_units_ignores_them(rows: np.ndarray, test_rows: np.ndarray) -> None:
    dead = np.concatenate([rows, np.zeros((len(rows), 5))], axis=1)
    test = np.concatenate([test_rows, np.zeros((len(test_rows), 5))], axis=1)
    expected = fit_score(Mahalanobis(), rows, test_rows)
    np.testing.assert_allclose(fit_score(Mahalanobis(), dead, test), expected, rtol=1e-7)


@pytest.mark.parametrize("mode", ["global", "class"])
def test_mahalanobis_refuses_too_few_samples_with_the_effective_rank(
    mode: Literal["global", "class"], test_rows: np.ndarray
) -> None:
    rows = np.random.default_rng(3).standard_normal((8, 10))
    detector = Mahalanobis(mode=mode, classes="label")
    with pytest.raises(ValueError, match=r"Layer 'layer' has too few samples.*\b7 effective"):
        fit_score(detector, rows, test_rows, labels=np.zeros(8, int), num_classes=1)
    shrunk = Mahalanobis(mode=mode, classes="label", shrinkage="oas")
    assert np.isfinite(
        fit_score(shrunk, rows, test_rows, labels=np.zeros(8, int), num_classes=1)
    ).all()


def test_mahalanobis_feature_axis_of_positions_is_the_last(rows: np.ndarray) -> None:
    # The seed system took the image width for the feature axis (defect 7); here positions fold into rows.
    grid = rows.reshape(100, 4, 10)
    detector = Mahalanobis()
    fitted = fit(detector, ArrayStream(Features({"layer": grid})), FeatureSpec({"layer": 10}), 0)
    assert fitted["layer/mean"].shape == (10,)
    expected = fit_score(Mahalanobis(), rows, rows).reshape(100, 4).mean(axis=1)
    np.testing.assert_allclose(
        detector.score(fitted, Features({"layer": grid}))["layer"], expected, rtol=1e-9
    )
