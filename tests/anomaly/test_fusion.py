"""From one score a layer to one score a sample."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import cauchy
from taskloom_anomaly.fusion import fuse, p_values, standardise


def test_p_values_count_calibration_scores_at_least_as_large() -> None:
    calibration = np.array([1.0, 2.0, 2.0, 3.0])
    np.testing.assert_allclose(
        p_values(np.array([0.0, 2.0, 2.5, 9.0]), calibration), np.array([5, 4, 2, 1]) / 5
    )


def test_p_values_of_exchangeable_scores_are_uniform() -> None:
    rng = np.random.default_rng(0)
    p = p_values(rng.normal(size=20000), rng.normal(size=999))
    # Both samples are finite: three standard errors of the share at 0.1 are about 0.03.
    assert (p <= 0.1).mean() == pytest.approx(0.1, abs=0.03)


def test_fuse_does_not_let_a_wide_layer_dominate() -> None:
    # The peer averaged raw scores: a layer on a scale of 1000 decided alone.
    rng = np.random.default_rng(0)
    calibration = {"narrow": rng.normal(size=500), "wide": 1000 * rng.normal(size=500)}
    scores = {"narrow": np.array([0.0, 8.0]), "wide": np.array([900.0, 0.0])}
    for fusion in ("mean", "max"):
        fused = fuse(scores, calibration, fusion)  # type: ignore[arg-type] # one of the names
        assert fused[1] > fused[0]


def test_fuse_is_invariant_under_scaling_a_layer() -> None:
    rng = np.random.default_rng(1)
    calibration = {"a": rng.normal(size=50), "b": rng.normal(size=50)}
    scores = {"a": rng.normal(size=9), "b": rng.normal(size=9)}
    scaled = ({**calibration, "b": 7 * calibration["b"]}, {**scores, "b": 7 * scores["b"]})
    for fusion in ("mean", "max", "cauchy"):
        np.testing.assert_allclose(
            fuse(scores, calibration, fusion),  # type: ignore[arg-type] # one of the names
            fuse(scaled[1], scaled[0], fusion),  # type: ignore[arg-type] # one of the names
        )


def test_fuse_cauchy_is_the_combination_of_p_values() -> None:
    calibration = {"a": np.arange(99.0), "b": np.arange(99.0)}
    fused = fuse({"a": np.array([89.5]), "b": np.array([49.5])}, calibration, "cauchy")
    p = [(1 + 9) / 100, (1 + 49) / 100]
    combined = cauchy.sf(fused[0])
    assert np.tan((0.5 - combined) * np.pi) == pytest.approx(np.mean([cauchy.isf(x) for x in p]))


def test_standardise_survives_constant_calibration_scores() -> None:
    np.testing.assert_array_equal(standardise(np.array([1.0, 3.0]), np.ones(5)), [0.0, 2.0])
