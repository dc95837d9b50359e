"""Scores of the logits against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.output import GEN, MSP, Energy, MaxLogit
from taskloom_anomaly.detectors.stream import ArrayStream

LOGITS = 3.0 * np.random.default_rng(0).standard_normal((50, 7))
P = softmax(LOGITS, axis=1)
TOP = np.sort(P, axis=1)[:, -3:]


@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        (MSP(), -P.max(axis=1)),
        (MSP(temperature=10), -softmax(LOGITS / 10, axis=1).max(axis=1)),
        (Energy(), -np.log(np.exp(LOGITS).sum(axis=1))),
        (Energy(temperature=2), -2 * np.log(np.exp(LOGITS / 2).sum(axis=1))),
        (MaxLogit(), -LOGITS.max(axis=1)),
        (GEN(), np.sum((P * (1 - P)) ** 0.1, axis=1)),
        (GEN(top=3, gamma=0.5), np.sqrt(TOP * (1 - TOP)).sum(axis=1)),
    ],
    ids=["msp", "msp at T=10", "energy", "energy at T=2", "maxlogit", "gen", "gen of three"],
)
def test_output_scores_are_their_formulas(detector: Detector, expected: np.ndarray) -> None:
    fitted = fit(detector, ArrayStream(), FeatureSpec({}), 0)
    scores = detector.score(fitted, Features(logits=LOGITS))["logits"]
    np.testing.assert_allclose(scores, expected, rtol=1e-10)


@pytest.mark.parametrize("detector", [MSP(), Energy(), MaxLogit(), GEN()])
def test_output_scores_survive_huge_logits(detector: Detector) -> None:
    logits = np.array([[1e4, 0.0, -1e4], [0.0, 0.0, 0.0]])
    scores = detector.score({}, Features(logits=logits))["logits"]
    assert np.isfinite(scores).all()
    assert scores[1] > scores[0]


def test_output_scores_without_logits_say_so() -> None:
    with pytest.raises(ValueError, match="reads the model's logits"):
        MSP().score({}, Features({"layer": np.zeros((2, 2))}))


@pytest.mark.parametrize(
    ("ahead", "expected"), [(30, 0.5101049), (40, 0.1876571), (100, 4.651555e-4)]
)
def test_gen_keeps_the_digits_of_a_saturated_softmax(ahead: float, expected: float) -> None:
    logits = np.zeros((1, 10))
    logits[0, 3] = ahead
    assert GEN(gamma=0.1).rate(logits)[0] == pytest.approx(expected, rel=1e-6)
