"""Whitening of full and of deficient covariances."""

from __future__ import annotations

import numpy as np
import pytest
from taskloom_anomaly.statistics.whitening import effective_rank, spectrum, whitening


def covariance(width: int, rank: int) -> np.ndarray:
    factor = np.random.default_rng(0).standard_normal((width, rank))
    return factor @ factor.T


@pytest.mark.parametrize(("width", "rank"), [(9, 9), (9, 4), (40, 1)])
def test_whitening_is_a_root_of_the_pseudo_inverse(width: int, rank: int) -> None:
    known = covariance(width, rank)
    parts = spectrum(known)
    white = whitening(parts)
    assert white.shape == (width, rank)
    assert effective_rank(parts.values) == rank
    np.testing.assert_allclose(white @ white.T, np.linalg.pinv(known, hermitian=True), atol=1e-9)
    np.testing.assert_allclose(white.T @ known @ white, np.eye(rank), atol=1e-9)


def test_whitening_of_fewer_samples_than_features_is_the_identity_on_their_span() -> None:
    rows = np.random.default_rng(1).standard_normal((12, 30))
    white = whitening(spectrum(np.cov(rows.T)))
    assert white.shape == (30, 11)
    np.testing.assert_allclose(np.cov((rows @ white).T), np.eye(11), atol=1e-9)


def test_whitening_keeps_the_leading_directions() -> None:
    known = np.diag([4.0, 1.0, 9.0])
    white = whitening(spectrum(known), rank=2)
    np.testing.assert_allclose(white @ white.T, np.diag([1 / 4, 0, 1 / 9]), atol=1e-12)
