"""TED against a plain computation that sorts."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.ted import TED

SPEC = FeatureSpec({"c": 5, "a": 4, "b": 3}, 3)


def features(count: int, seed: int, scale: float = 1.0) -> Features:
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((count, 3))
    shift = 2.0 * logits.argmax(axis=1)[:, None]
    return Features(
        {name: scale * rng.standard_normal((count, w)) + shift for name, w in SPEC.widths.items()},
        logits,
    )


def plain_rank(row: np.ndarray, reference: np.ndarray, wanted: list[int], own: int | None) -> float:
    distances = [np.linalg.norm(row - r) for r in reference]
    order = [i for i in np.argsort(distances, kind="stable") if i != own]
    return float(np.mean([order.index(j) + 1 for j in wanted]))


def plain_ranks(
    test: Features, trusted: Features, k: int, mode: str, *, leave_out: bool
) -> np.ndarray:
    assert test.logits is not None
    assert trusted.logits is not None
    own_classes, classes = test.logits.argmax(1), trusted.logits.argmax(1)
    ranks = np.zeros((len(test), 3))
    for i in range(len(test)):
        allowed = [j for j in np.flatnonzero(classes == own_classes[i]) if not leave_out or j != i]
        for column, layer in enumerate(SPEC.widths):
            source = layer if mode == "each" else "b"
            row, reference = test.activations[source][i], trusted.activations[source]
            wanted = sorted(allowed, key=lambda j: float(np.linalg.norm(row - reference[j])))[:k]
            ranks[i, column] = plain_rank(
                test.activations[layer][i],
                trusted.activations[layer],
                wanted,
                i if leave_out else None,
            )
    return ranks


@pytest.mark.parametrize("mode", ["each", "last"])
@pytest.mark.parametrize("k", [1, 4])
def test_ted_ranks_by_counting_equal_ranks_by_sorting(
    mode: Literal["each", "last"], k: int
) -> None:
    trusted, test = features(60, 0), features(15, 1, 2.0)
    detector = TED(standardise=False, k=k, reference=mode)
    fitted = fit(detector, ArrayStream(trusted, batch_size=25), SPEC, 0)
    expected = plain_ranks(test, trusted, k, mode, leave_out=False)
    np.testing.assert_array_equal(detector.ranks(fitted, test), expected)
    own = plain_ranks(trusted, trusted, k, mode, leave_out=True)
    offset = expected - own.mean(axis=0)
    inverse = np.linalg.inv(np.cov(own.T) + np.eye(3) / 12)
    np.testing.assert_allclose(
        detector.score(fitted, test)["all"],
        np.einsum("nd,de,ne->n", offset, inverse, offset),
        rtol=1e-9,
    )


def test_ted_gives_the_worst_rank_to_a_class_without_trusted_samples() -> None:
    trusted = features(60, 2)
    assert trusted.logits is not None
    trusted.logits[:, 2] = -100
    detector = TED()
    fitted = fit(detector, ArrayStream(trusted), SPEC, 0)
    test = features(4, 3)
    assert test.logits is not None
    test.logits[:, 2] = 100
    assert (detector.ranks(fitted, test) == 61).all()
    assert np.isfinite(detector.score(fitted, test)["all"]).all()


def test_ted_keeps_the_order_of_the_layers_through_its_arrays() -> None:
    detector = TED()
    fitted = fit(detector, ArrayStream(features(40, 4)), SPEC, 0)
    shuffled = dict(sorted(fitted.items(), reverse=True))
    test = features(6, 5)
    np.testing.assert_array_equal(detector.ranks(fitted, test), detector.ranks(shuffled, test))


def test_ted_refuses_too_few_samples() -> None:
    with pytest.raises(ValueError, match="6 trusted samples"):
        fit(TED(), ArrayStream(features(6, 6)), SPEC, 0)


@pytest.mark.parametrize("mode", ["each", "last"])
def test_ted_finds_samples_that_change_sides_between_layers(mode: Literal["each", "last"]) -> None:
    trusted, test = features(200, 7), features(40, 8)
    assert test.logits is not None
    other = np.roll(test.logits, 1, axis=1)
    sides = 2.0 * other.argmax(axis=1) - 2.0 * test.logits.argmax(axis=1)
    moved = {**test.activations, "b": test.activations["b"] + sides[:, None]}
    detector = TED(k=3, reference=mode)
    fitted = fit(detector, ArrayStream(trusted), SPEC, 0)
    normal = detector.score(fitted, test)["all"]
    anomalous = detector.score(fitted, Features(moved, other))["all"]
    assert np.median(anomalous) > 5 * np.median(normal)
