"""Metrics against scikit-learn, brute force, and worked examples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st
from sklearn import metrics as reference
from taskloom_anomaly import metrics

Scores = tuple[np.ndarray, np.ndarray]


def groups(seed: int, *, ties: bool) -> Scores:
    rng = np.random.default_rng(seed)
    normal, anomalous = rng.standard_normal(83), rng.standard_normal(57) + 0.8
    return (np.round(normal, 1), np.round(anomalous, 1)) if ties else (normal, anomalous)


@pytest.fixture(params=[False, True], ids=["distinct", "tied"])
def scores(request: pytest.FixtureRequest) -> Scores:
    return groups(3, ties=request.param)


def joined(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([0, 1], [len(scores[0]), len(scores[1])]), np.concatenate(scores)


def test_auroc_equals_scikit_learn(scores: Scores) -> None:
    assert metrics.auroc(*scores) == pytest.approx(reference.roc_auc_score(*joined(scores)))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=9),
    st.lists(st.integers(0, 5), min_size=1, max_size=9),
)
def test_auroc_counts_a_tie_as_half(normal: list[int], anomalous: list[int]) -> None:
    wins = [(a > n) + 0.5 * (a == n) for a in anomalous for n in normal]
    assert metrics.auroc(np.array(normal, float), np.array(anomalous, float)) == pytest.approx(
        np.mean(wins)
    )


def test_average_precision_equals_scikit_learn(scores: Scores) -> None:
    expected = reference.average_precision_score(*joined(scores))
    assert metrics.average_precision(*scores) == pytest.approx(expected)


@pytest.mark.parametrize("max_fpr", [0.001, 0.01, 0.1, 10 / 83, 0.5, 1.0])
def test_partial_auroc_equals_scikit_learn(scores: Scores, max_fpr: float) -> None:
    expected = reference.roc_auc_score(*joined(scores), max_fpr=max_fpr)
    assert metrics.partial_auroc(*scores, max_fpr) == pytest.approx(expected)


@pytest.mark.parametrize("max_fpr", [0.0, -0.1, 1.5, float("nan")])
def test_partial_auroc_refuses_a_rate_that_is_none(max_fpr: float) -> None:
    with pytest.raises(ValueError, match=r"max_fpr must lie in \(0, 1\]"):
        metrics.partial_auroc(np.zeros(3), np.ones(3), max_fpr)


def test_partial_auroc_is_half_at_chance_and_one_at_perfection() -> None:
    same = np.arange(20.0)
    assert metrics.partial_auroc(same, same, 0.2) == pytest.approx(0.5)
    assert metrics.partial_auroc(same, same + 100, 0.2) == pytest.approx(1.0)


def test_roc_ends_in_both_corners_and_never_falls(scores: Scores) -> None:
    curve = metrics.roc(*scores)
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(curve.fpr) >= 0).all()
    assert (np.diff(curve.tpr) >= 0).all()
    area = float(np.trapezoid(curve.tpr, curve.fpr))
    assert area == pytest.approx(metrics.auroc(*scores))


def test_fpr_at_tpr_is_the_smallest_that_finds_enough(scores: Scores) -> None:
    normal, anomalous = scores
    rates = [np.mean(normal >= t) for t in np.unique(anomalous) if np.mean(anomalous >= t) >= 0.95]
    assert metrics.fpr_at_tpr(normal, anomalous) == pytest.approx(min(rates))


def test_tpr_at_fpr_is_the_share_strictly_above_the_threshold() -> None:
    normal = np.arange(10.0)
    anomalous = np.array([9.0, 9.0, 8.5, 7.5])  # two anomalies tie with the highest normal sample
    assert metrics.tpr_at_fpr(normal, anomalous, 0.0) == 0.0
    assert metrics.tpr_at_fpr(normal, anomalous, 0.1) == 0.75
    assert metrics.tpr_at_fpr(normal, anomalous, 0.15) == 0.75
    assert metrics.tpr_at_fpr(normal, anomalous, 0.2) == 1.0
    assert metrics.tpr_at_fpr(normal, anomalous, 1.0) == 1.0
    # Ten normal samples cannot tell a rate of one in twenty from none.
    assert np.isnan(metrics.tpr_at_fpr(normal, anomalous, 0.05))


def test_auroc_interval_has_the_specified_value() -> None:
    normal = np.arange(1, 9) / 10
    anomalous = np.array([0.55, 0.65, 0.9, 1.0, 1.1, 1.2])
    low, high = metrics.auroc_interval(normal, anomalous)
    assert metrics.auroc(normal, anomalous) == pytest.approx(0.8958333, abs=1e-6)
    assert (low, high) == (pytest.approx(0.550110, abs=1e-6), pytest.approx(0.983736, abs=1e-6))


def test_auroc_interval_is_delong_on_the_scale_of_the_logit(scores: Scores) -> None:
    normal, anomalous = scores
    wins = (anomalous[:, None] > normal) + 0.5 * (anomalous[:, None] == normal)
    area = wins.mean()
    variance = wins.mean(axis=1).var(ddof=1) / 57 + wins.mean(axis=0).var(ddof=1) / 83
    above, below = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    other = (area * (1 - area) + 56 * above + 82 * below) / (57 * 83)
    weight = 10 / 67
    mixed = (1 - weight) * variance + weight * max(other, variance)
    half = 1.959963984540054 * np.sqrt(mixed) / (area * (1 - area))
    low, high = metrics.auroc_interval(normal, anomalous)
    assert np.log(low / (1 - low)) == pytest.approx(np.log(area / (1 - area)) - half)
    assert np.log(high / (1 - high)) == pytest.approx(np.log(area / (1 - area)) + half)


def test_auroc_interval_covers_the_truth_at_its_level() -> None:
    # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2). 400 trials at 95%: the count is below 364 with probability 2e-4.
    rng, truth = np.random.default_rng(11), 0.7602499389065233
    covered = 0
    for _ in range(400):
        low, high = metrics.auroc_interval(rng.standard_normal(60), rng.standard_normal(60) + 1)
        covered += low <= truth <= high
    assert covered >= 364


def test_auroc_interval_at_perfect_separation_is_not_certain() -> None:
    interval = metrics.auroc_interval(np.zeros(50), np.ones(20))
    assert interval.high == 1.0
    assert interval.low == pytest.approx(0.025 ** (1 / 20))
    assert metrics.auroc_interval(np.ones(50), np.zeros(20)).low == 0.0


def test_auroc_interval_of_one_sample_or_of_ties_is_as_wide_as_can_be() -> None:
    # One anomaly above 9 of 10 normal samples: DeLong's own variance has no term for the anomaly.
    half = 1.959963984540054 * np.sqrt(0.9 * 0.1)
    low, high = metrics.auroc_interval(np.arange(10.0), np.array([8.5]))
    assert (low, high) == (pytest.approx(0.9 - half), 1.0)
    tied = metrics.auroc_interval(np.zeros(100), np.zeros(400))
    assert tied == pytest.approx((0.5 - 1.96 * 0.05, 0.5 + 1.96 * 0.05), abs=1e-4)


def test_metrics_rank_infinite_scores_like_any_other() -> None:
    normal, anomalous = np.array([-np.inf, 0.0, 1.0, np.inf]), np.array([1.0, 2.0, np.inf])
    ranks = np.array([-9.0, 0.0, 1.0, 9.0]), np.array([1.0, 2.0, 9.0])
    for metric in (
        metrics.auroc,
        metrics.average_precision,
        metrics.fpr_at_tpr,
        metrics.partial_auroc,
        metrics.auroc_interval,
    ):
        assert metric(normal, anomalous) == metric(*ranks)
    assert metrics.tpr_at_fpr(normal, anomalous, 0.3) == metrics.tpr_at_fpr(*ranks, 0.3)


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_metrics_refuse_a_rate_that_is_none(rate: float) -> None:
    both = np.arange(3.0), np.arange(3.0)
    with pytest.raises(ValueError, match="fpr must lie between 0 and 1; it is"):
        metrics.tpr_at_fpr(*both, rate)
    with pytest.raises(ValueError, match="tpr must lie between 0 and 1; it is"):
        metrics.fpr_at_tpr(*both, rate)
    with pytest.raises(ValueError, match="level must lie between 0 and 1; it is"):
        metrics.auroc_interval(*both, level=rate)
    with pytest.raises(ValueError, match="level must lie between 0 and 1; it is"):
        metrics.bootstrap_interval(*both, seed=0, level=rate)
    with pytest.raises(ValueError, match="at least one resample"):
        metrics.bootstrap_interval(*both, seed=0, resamples=0)


def test_delong_test_finds_a_real_difference_and_none_between_equals() -> None:
    rng = np.random.default_rng(5)
    normal, anomalous = rng.standard_normal(300), rng.standard_normal(300) + 2
    noise = rng.standard_normal((2, 300))
    difference, p_value = metrics.delong_test(
        np.stack([normal, normal + 3 * noise[0]]), np.stack([anomalous, anomalous + 3 * noise[1]])
    )
    assert difference > 0.1
    assert p_value < 1e-6
    assert metrics.delong_test(np.stack([normal] * 2), np.stack([anomalous] * 2)) == (0.0, 1.0)


def test_delong_test_equals_its_definition() -> None:
    rng = np.random.default_rng(6)
    normal, anomalous = rng.standard_normal((2, 40)), rng.standard_normal((2, 30)) + 0.7
    anomalous[1] += 0.5 * anomalous[0]
    wins = (anomalous[:, :, None] > normal[:, None, :]).astype(float)
    rows, columns = wins.mean(axis=2), wins.mean(axis=1)
    weight = np.array([1.0, -1.0])
    variance = weight @ (np.cov(rows) / 30 + np.cov(columns) / 40) @ weight
    area = [reference.roc_auc_score(*joined((normal[i], anomalous[i]))) for i in (0, 1)]
    difference, p_value = metrics.delong_test(normal, anomalous)
    assert difference == pytest.approx(area[0] - area[1])
    z = abs(difference) / np.sqrt(variance)
    assert p_value == pytest.approx(2 * scipy.stats.norm.sf(z), rel=1e-10)


def test_bootstrap_interval_equals_resampling_with_scikit_learn(scores: Scores) -> None:
    normal, anomalous = scores
    rng = np.random.default_rng(4)
    areas = []
    for _ in range(100):
        drawn = normal[rng.integers(0, 83, 83)], anomalous[rng.integers(0, 57, 57)]
        areas.append(reference.roc_auc_score(*joined(drawn)))
    found = metrics.bootstrap_interval(*scores, seed=4, resamples=100, level=0.9)
    assert found == pytest.approx(tuple(np.quantile(areas, [0.05, 0.95])))


def test_bootstrap_interval_agrees_with_delong_and_repeats() -> None:
    scores = groups(3, ties=False)
    low, high = metrics.bootstrap_interval(*scores, seed=1, resamples=400)
    assert (low, high) == metrics.bootstrap_interval(*scores, seed=1, resamples=400)
    exact = metrics.auroc_interval(*scores)
    assert low == pytest.approx(exact.low, abs=0.02)
    assert high == pytest.approx(exact.high, abs=0.02)


def test_metrics_are_plain_floats() -> None:
    # The seed system's evaluation called .item() on what scikit-learn now returns as floats (defect 12).
    normal, anomalous = groups(3, ties=True)
    found = [
        metrics.auroc(normal, anomalous),
        *metrics.auroc_interval(normal, anomalous),
        metrics.average_precision(normal, anomalous),
        metrics.fpr_at_tpr(normal, anomalous),
        metrics.tpr_at_fpr(normal, anomalous, 0.05),
        metrics.partial_auroc(normal, anomalous),
    ]
    assert all(type(value) is float and 0 <= value <= 1 for value in found)


@pytest.mark.parametrize(
    ("normal", "anomalous", "message"),
    [
        (np.zeros(0), np.ones(2), "normal scores have the shape"),
        (np.ones(2), np.array([1.0, np.nan]), "1 of the anomalous scores are NaN"),
    ],
)
def test_metrics_refuse_empty_groups_and_nan(
    normal: np.ndarray, anomalous: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.auroc(normal, anomalous)
