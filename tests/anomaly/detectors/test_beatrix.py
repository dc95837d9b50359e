"""Beatrix against a plain computation from its formulas."""

from __future__ import annotations

import numpy as np
import pytest
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.beatrix import Beatrix
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.statistics.gram import gram_features


def activations(count: int, seed: int, shape: tuple[int, ...] = (6,)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, *shape)) + 0.5


def logits(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3))


def plain_gram(sample: np.ndarray, power: int) -> np.ndarray:
    """The definition, for one sample of shape (positions, d)."""
    product = (sample**power).T @ (sample**power)
    rooted = np.sign(product) * np.abs(product) ** (1 / power)
    return np.array([rooted[i, j] for i in range(len(rooted)) for j in range(i, len(rooted))])


def plain_scores(
    trusted: np.ndarray, own: np.ndarray, test: np.ndarray, test_own: np.ndarray, powers: int
) -> np.ndarray:
    scores = np.zeros(len(test))
    for power in range(1, powers + 1):
        grams = np.stack([plain_gram(x, power) for x in trusted])
        bounds = {}
        for c in np.unique(own):
            centre = np.median(grams[own == c], axis=0)
            spread = np.median(np.abs(grams[own == c] - centre), axis=0)
            bounds[c] = centre - 10 * spread, centre + 10 * spread
        largest = np.max([np.maximum(np.abs(lo), np.abs(hi)) for lo, hi in bounds.values()], axis=0)
        modulus = np.abs(grams).mean(axis=0)
        floor = np.maximum(0.1 * largest, np.maximum(modulus, 0.01 * modulus.max()))
        for index, (sample, c) in enumerate(zip(test, test_own, strict=True)):
            g, (low, high) = plain_gram(sample, power), bounds[c]
            deviation = np.maximum(low - g, 0) / np.maximum(np.abs(low), floor)
            deviation += np.maximum(g - high, 0) / np.maximum(np.abs(high), floor)
            scores[index] += deviation.mean() / powers
    return scores


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("shape", [(6,), (4, 5)], ids=["vectors", "positions"])
def test_beatrix_equals_its_definition(shape: tuple[int, ...], rectified: bool) -> None:
    trusted, test = activations(90, 0, shape), 4 * activations(20, 1, shape)
    if rectified:
        trusted, test[:10] = np.maximum(trusted, 0), np.maximum(test[:10], 0)
    trusted_logits, test_logits = logits(90, 2), logits(20, 3)
    detector = Beatrix(standardise=False, powers=4)
    stream = ArrayStream(Features({"layer": trusted}, trusted_logits), batch_size=40)
    fitted = fit(detector, stream, FeatureSpec({"layer": shape[-1]}, 3), 0)
    scores = detector.score(fitted, Features({"layer": test}, test_logits))["layer"]

    def three_axes(rows: np.ndarray) -> np.ndarray:
        return rows.reshape(len(rows), -1, shape[-1])

    expected = plain_scores(
        three_axes(trusted), trusted_logits.argmax(1), three_axes(test), test_logits.argmax(1), 4
    )
    assert expected.max() > 0
    np.testing.assert_allclose(scores, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("power", [1, 2, 3, 4])
@pytest.mark.parametrize("positions", [1, 5])
def test_gram_features_scale_by_the_square(power: int, positions: int) -> None:
    rows = activations(7, 4, (positions, 6))
    np.testing.assert_allclose(
        gram_features(3.0 * rows, power), 9.0 * gram_features(rows, power), rtol=1e-10
    )


@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_gram_features_of_one_position_are_the_root_of_the_power(power: int) -> None:
    rows = activations(7, 5, (1, 6))
    expected = np.stack([plain_gram(row, power) for row in rows])
    np.testing.assert_allclose(gram_features(rows, power), expected, rtol=1e-10)


def test_beatrix_scores_do_not_change_with_the_scale_of_the_layer() -> None:
    detector = Beatrix()
    scores = []
    for scale in (1.0, 1e3):
        stream = ArrayStream(Features({"layer": scale * activations(60, 6)}, logits(60, 7)))
        fitted = fit(detector, stream, FeatureSpec({"layer": 6}, 3), 0)
        test = Features({"layer": scale * 5 * activations(9, 8)}, logits(9, 9))
        scores.append(detector.score(fitted, test)["layer"])
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)


def test_beatrix_stays_finite_when_a_unit_is_silent_on_trusted_data() -> None:
    trusted = np.maximum(activations(60, 10), 0)
    trusted[:, 0] = 0
    detector = Beatrix(by_class=False)
    fitted = fit(detector, ArrayStream(Features({"layer": trusted})), FeatureSpec({"layer": 6}), 0)
    test = np.maximum(activations(5, 11), 0)
    silent = detector.score(fitted, Features({"layer": test * [0, 1, 1, 1, 1, 1]}))["layer"]
    active = detector.score(fitted, Features({"layer": np.add(test, [3, 0, 0, 0, 0, 0])}))["layer"]
    assert np.isfinite(active).all()
    assert (active > silent).all()


def test_beatrix_medians_are_of_the_data_not_of_batches() -> None:
    trusted = Features({"layer": activations(101, 12)}, logits(101, 13))
    detector = Beatrix()
    spec = FeatureSpec({"layer": 6}, 3)
    one, many = (fit(detector, ArrayStream(trusted, None, b), spec, 0) for b in (101, 7))
    for name, array in one.items():
        np.testing.assert_array_equal(array, many[name])
