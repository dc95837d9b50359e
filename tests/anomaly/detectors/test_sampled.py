"""The reservoir, and the detectors that keep samples, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.ensemble
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec, Tensors
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.iforest import IsolationForest
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.lof import LOF
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.statistics import reservoir
from taskloom_anomaly.statistics.neighbours import k_centre_greedy, nearest, nearest_others


def cloud(count: int, seed: int, mean: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((count, 6)) + mean).astype(np.float32)


TRUSTED, TEST = cloud(400, 0), 1.5 * cloud(70, 1)


def fitted_of(detector: Detector, rows: np.ndarray = TRUSTED) -> Tensors:
    stream = ArrayStream(Features({"layer": rows}), batch_size=128)
    return fit(detector, stream, FeatureSpec({"layer": 6}), 5)


def score(detector: Detector, rows: np.ndarray = TRUSTED) -> np.ndarray:
    return detector.score(fitted_of(detector, rows), Features({"layer": TEST}))["layer"]


def filled(rows: np.ndarray, capacity: int, batch: int, start: int = 0) -> reservoir.Reservoir:
    kept = reservoir.empty(capacity, rows.shape[1], 3, start)
    for first in range(0, len(rows), batch):
        part = rows[first : first + batch]
        kept = reservoir.add(kept, part, np.arange(first, first + len(part)))
    return kept


def test_reservoir_keeps_everything_until_it_is_full() -> None:
    kept = filled(TRUSTED, 400, 70)
    assert sorted(kept.classes.tolist()) == list(range(400))
    assert filled(TRUSTED, 100, 70).rows.shape == (100, 6)


def test_reservoir_does_not_depend_on_batches_or_shards() -> None:
    one = filled(TRUSTED, 100, 70)
    np.testing.assert_array_equal(filled(TRUSTED, 100, 13).rows, one.rows)
    first = filled(TRUSTED[:150], 100, 50)
    second = filled(TRUSTED[150:], 100, 50, start=150)
    for pair in ((first, second), (second, first)):
        merged = reservoir.merge(*pair)
        np.testing.assert_array_equal(merged.rows, one.rows)
        assert merged.seen == 400
    untold = filled(TRUSTED[150:220], 100, 50)
    np.testing.assert_array_equal(
        reservoir.merge(first, untold).rows, filled(TRUSTED[:220], 100, 50).rows
    )
    with pytest.raises(ValueError, match="told where its part begins"):
        reservoir.merge(first, filled(TRUSTED[150:], 100, 50))


def test_reservoir_is_blind_to_what_rows_hold() -> None:
    """Keeps the places of the stream, so that a row that makes up half of it makes up half of the sample (hypergeometric band)."""
    shares = []
    for seed in range(20):
        rows = cloud(4000, seed)
        rows[np.random.default_rng(seed).permutation(4000)[:2000]] = 7.0
        for order in (np.arange(4000), np.argsort(rows[:, 0] != 7.0, kind="stable")):
            kept = reservoir.empty(800, 6, seed)
            kept = reservoir.add(kept, rows[order], np.zeros(4000, int))
            shares.append(float(np.mean(kept.rows[:, 0] == 7.0)))
    # Standard deviation sqrt(.25 / 800 (1 - 800 / 4000)) = .0158; 5 of them over 40 draws.
    assert max(abs(np.array(shares) - 0.5)) < 5 * 0.0158


def test_reservoir_is_a_uniform_sample() -> None:
    # 1000 of 8000 kept; the share of each octant of the stream is binomial, six sigma is 0.075.
    rows = cloud(8000, 2)
    kept = filled(rows, 1000, 500)
    shares = np.histogram(kept.classes, bins=8, range=(0, 8000))[0] / 1000
    np.testing.assert_allclose(shares, 1 / 8, atol=0.07)
    above = np.mean(kept.rows[:, 0] > 0)
    assert abs(above - np.mean(rows[:, 0] > 0)) < 0.1


def test_reservoir_state_does_not_grow() -> None:
    kept = reservoir.empty(64, 6, 0)
    for seed in range(20):
        kept = reservoir.add(kept, cloud(100, seed), np.zeros(100, int))
        assert len(kept.rows) <= 64
    assert kept.seen == 2000


@pytest.mark.parametrize("k", [1, 10])
def test_knn_equals_scikit_learn(k: int) -> None:
    expected = NearestNeighbors(n_neighbors=k).fit(TRUSTED.astype(float)).kneighbors(TEST)[0][:, -1]
    np.testing.assert_allclose(
        score(KNN(standardise=False, k=k, normalize=False)), expected, rtol=1e-10
    )


def test_knn_divides_by_length_first() -> None:
    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    expected = NearestNeighbors(n_neighbors=10).fit(unit(TRUSTED)).kneighbors(unit(TEST))[0]
    np.testing.assert_allclose(score(KNN(standardise=False)), expected[:, -1], rtol=1e-5)


def test_knn_of_a_far_mean_keeps_its_digits() -> None:
    far = TRUSTED.astype(np.float64) + 1e6
    test = TEST.astype(np.float64) + 1e6
    detector = KNN(standardise=False, normalize=False)
    scores = detector.score(
        fitted_of(KNN(standardise=False, normalize=False), far), Features({"layer": test})
    )
    apart = np.sort(np.linalg.norm(test[:, None] - far[None], axis=2), axis=1)[:, 9]
    np.testing.assert_allclose(scores["layer"], apart, rtol=1e-9)


def test_knn_coreset_covers_the_trusted_samples() -> None:
    rows = TRUSTED.astype(np.float64)
    chosen = k_centre_greedy(rows, 60)
    assert len(set(chosen.tolist())) == 60
    covered = nearest(rows, rows[chosen], 1)[0].max()
    drawn = np.random.default_rng(0).choice(400, 60, replace=False)
    assert covered < nearest(rows, rows[drawn], 1)[0].max()
    assert fitted_of(KNN(coreset=60))["layer/reference"].shape == (60, 6)


def test_knn_finds_a_duplicate_at_distance_zero() -> None:
    detector = KNN(k=1, normalize=False)
    fitted = fitted_of(KNN(k=1, normalize=False))
    assert (detector.score(fitted, Features({"layer": TRUSTED[:20]}))["layer"] == 0).all()


@pytest.mark.parametrize("k", [5, 20])
def test_lof_equals_scikit_learn(k: int) -> None:
    reference = LocalOutlierFactor(n_neighbors=k, novelty=True).fit(TRUSTED.astype(float))
    np.testing.assert_allclose(
        score(LOF(standardise=False, k=k)), -reference.score_samples(TEST.astype(float)), rtol=1e-9
    )


def test_lof_of_duplicates_stays_finite() -> None:
    assert np.isfinite(score(LOF(k=3), np.repeat(TRUSTED[:10], 10, axis=0))).all()


def test_iforest_equals_scikit_learn() -> None:
    fitted = fitted_of(IsolationForest(trees=50))
    rows = filled_like(TRUSTED)
    reference = sklearn.ensemble.IsolationForest(
        n_estimators=50, max_samples=256, random_state=5
    ).fit(rows)
    np.testing.assert_allclose(
        IsolationForest(trees=50).score(fitted, Features({"layer": TEST}))["layer"],
        -reference.score_samples(TEST),
        rtol=1e-12,
    )


def filled_like(rows: np.ndarray) -> np.ndarray:
    kept = reservoir.empty(4096, rows.shape[1], 5)
    return reservoir.add(kept, rows, np.zeros(len(rows), int)).rows


@pytest.mark.parametrize("detector", [KNN(), LOF(k=10)])
def test_neighbour_detectors_refuse_too_few_samples(detector: Detector) -> None:
    with pytest.raises(ValueError, match="has 8 trusted samples; 10 neighbours need at least 11"):
        fitted_of(detector, TRUSTED[:8])


@pytest.mark.parametrize("k", [1, 7, 40])
@pytest.mark.parametrize("levels", [2, 1000], ids=["many equals", "few equals"])
def test_nearest_finds_the_same_as_a_sort(k: int, levels: int) -> None:
    # More reference rows than the search by a bound needs, and values that collide.
    rng = np.random.default_rng(8)
    rows, reference = (rng.integers(0, levels, (n, 3)).astype(float) for n in (30, 700))
    apart = np.linalg.norm(rows[:, None] - reference, axis=2)
    distances, indices = nearest(rows, reference, k)
    np.testing.assert_array_equal(distances, np.sort(apart, axis=1)[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(apart, indices, axis=1), distances)
    assert all(len(set(row)) == k for row in indices.tolist())
    own = np.linalg.norm(reference[:, None] - reference, axis=2)
    np.fill_diagonal(own, np.inf)
    distances, indices = nearest_others(reference, k)
    np.testing.assert_array_equal(distances, np.sort(own, axis=1)[:, :k])
    assert not (indices == np.arange(700)[:, None]).any()
