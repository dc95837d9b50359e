"""From one score a layer to one score a sample."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pytest
from scipy.stats import cauchy, combine_pvalues
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection.fusion import (
    Fusion,
    FusionChoice,
    combine,
    fuse,
    fusion_of,
    p_values,
    standardise,
)
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis

FUSIONS_COMPARED: tuple[Fusion, ...] = ("sum", "mean")


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
    for fusion in ("mean", "max", "cauchy", "harmonic", "min_p"):
        np.testing.assert_allclose(
            fuse(scores, calibration, fusion),  # type: ignore[arg-type] # one of the names
            fuse(scaled[1], scaled[0], fusion),  # type: ignore[arg-type] # one of the names
        )


def test_fuse_sum_counts_a_layer_by_its_directions() -> None:
    # Squared lengths in 200 and in 2 directions, and a shift by the same length in each direction of the wide one.
    rng = np.random.default_rng(3)

    def scores(shift: float) -> dict[str, np.ndarray]:
        wide, narrow = rng.normal(size=(2000, 200)) + shift, rng.normal(size=(2000, 2))
        return {"wide": (wide**2).sum(axis=1), "narrow": (narrow**2).sum(axis=1)}

    held, normal, odd = scores(0), scores(0), scores(0.35)
    areas = {
        fusion: np.mean(fuse(odd, held, fusion)[:, None] > fuse(normal, held, fusion))
        for fusion in FUSIONS_COMPARED
    }
    assert areas["sum"] > areas["mean"] + 0.05
    np.testing.assert_array_equal(fuse(odd, held, "sum"), odd["wide"] + odd["narrow"])


def test_fuse_cauchy_is_the_combination_of_p_values() -> None:
    calibration = {"a": np.arange(99.0), "b": np.arange(99.0)}
    fused = fuse({"a": np.array([89.5]), "b": np.array([49.5])}, calibration, "cauchy")
    p = [(1 + 9) / 100, (1 + 49) / 100]
    combined = cauchy.sf(fused[0])
    assert np.tan((0.5 - combined) * np.pi) == pytest.approx(np.mean([cauchy.isf(x) for x in p]))


def test_standardise_survives_constant_calibration_scores() -> None:
    np.testing.assert_array_equal(standardise(np.array([1.0, 3.0]), np.ones(5)), [0.0, 2.0])


def test_fusions_are_the_ones_that_the_config_offers() -> None:
    assert AnomalyConfig.model_fields["fusion"].annotation == FusionChoice
    assert get_args(FusionChoice) == ("auto", *get_args(Fusion))


def test_auto_adds_squared_distances_and_takes_the_mean_of_other_scores() -> None:
    assert fusion_of("auto", Mahalanobis(mode="relative")) == "sum"
    assert fusion_of("auto", KNN()) == "mean"
    assert fusion_of("max", Mahalanobis()) == "max"


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_combine_is_the_published_formula(layers: int) -> None:
    p = np.random.default_rng(2).uniform(1e-3, 1, (layers, 40))
    factor = {1: 1.0, 2: 2.0, 5: np.e * np.log(5)}[layers]
    harmonic = [min(1.0, factor * layers / sum(1 / x for x in column)) for column in p.T]
    np.testing.assert_allclose(combine(p, "harmonic"), harmonic)
    bonferroni = [min(1.0, layers * min(column)) for column in p.T]
    np.testing.assert_allclose(combine(p, "min_p"), bonferroni)
    # Cut at one half: a p-value of one would be a tangent of minus infinity.
    expected = [cauchy.sf(np.mean(cauchy.isf(np.minimum(column, 0.5)))) for column in p.T]
    np.testing.assert_allclose(combine(p, "cauchy"), expected)


def test_cauchy_is_not_outvoted_by_a_p_value_of_one() -> None:
    p = np.array([[1 / 501], [1 / 501], [1.0]])
    assert combine(p, "cauchy")[0] == pytest.approx(0.0029939630, rel=1e-7)


@pytest.mark.parametrize("fusion", ["harmonic", "min_p"])
def test_combined_p_values_hold_under_the_worst_dependence(
    fusion: Literal["harmonic", "min_p"],
) -> None:
    # P(p <= c) <= c whatever the dependence. The harmonic mean is worst where p_2 = c - p_1 on [0, c], and then exact.
    grid = (np.arange(100_000) + 0.5) / 100_000
    for c in (0.01, 0.05, 0.3):
        against = np.where(grid < c, c - grid, grid)
        for other in (against, 1 - grid, grid, np.random.default_rng(3).permutation(grid)):
            share = np.mean(combine(np.stack([grid, other]), fusion) <= c)
            assert share <= c + 1e-4
        worst = np.mean(combine(np.stack([grid, against]), "harmonic") <= c)
        assert worst == pytest.approx(c, abs=1e-4)


@pytest.mark.parametrize("fusion", ["cauchy", "harmonic", "min_p"])
def test_fuse_orders_samples_as_the_combined_p_values_do(
    fusion: Literal["cauchy", "harmonic", "min_p"],
) -> None:
    rng = np.random.default_rng(4)
    calibration = {name: rng.normal(size=2000) for name in "abc"}
    scores = {name: rng.normal(1.0, 1, 30) for name in "abc"}
    p = np.stack([p_values(scores[name], calibration[name]) for name in "abc"])
    combined, fused = combine(p, fusion), fuse(scores, calibration, fusion)
    assert fused.dtype == np.float64
    higher = fused[:, None] > fused
    assert (combined[:, None] <= combined)[higher].all()


def test_combine_agrees_with_scipy_on_the_least() -> None:
    # Tippett's p-value 1 - (1 - min p)^L assumes independence and is never above Bonferroni's, which does not.
    p = np.array([0.02, 0.3, 0.7])
    tippett = combine_pvalues(p, method="tippett").pvalue
    assert tippett < combine(p[:, None], "min_p")[0] < tippett * 1.05
