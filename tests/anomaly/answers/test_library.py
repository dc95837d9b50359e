"""Detectors of scikit-learn and PyOD beside ours: the library's own numbers on standardised activations, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from taskloom.errors import ConfigError
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.ensemble import independent_weights
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.library import Library
from taskloom_anomaly.detectors.stream import ArrayStream


def features(count: int, seed: int) -> Features:
    """Two layers of which the columns have scales of their own."""
    rng = np.random.default_rng(seed)
    return Features({"a": rng.normal(3, [1, 100, 0.01], (count, 3)), "b": rng.normal(size=(count, 2))})  # fmt: skip


TRUSTED, NEW = features(80, 0), features(9, 1)
SPEC = FeatureSpec({"a": 3, "b": 2})


def scores(detector: Library, rows: Features = NEW) -> dict[str, np.ndarray]:
    return detector.score(fit(detector, ArrayStream(TRUSTED, None, 32), SPEC, 5), rows)


def standard(layer: str, rows: Features) -> np.ndarray:
    known = TRUSTED.activations[layer].astype(np.float32).astype(np.float64)
    return np.asarray((rows.activations[layer] - known.mean(axis=0)) / known.std(axis=0, ddof=1))


def test_a_score_is_that_of_the_library_on_standardised_activations() -> None:
    found = scores(Library(class_name="sklearn:LocalOutlierFactor", params='{"n_neighbors": 7}'))
    for layer, values in found.items():
        own = LocalOutlierFactor(n_neighbors=7, novelty=True).fit(standard(layer, TRUSTED))
        np.testing.assert_allclose(values, -own.score_samples(standard(layer, NEW)), rtol=1e-4)
    forest = scores(Library(params='{"n_estimators": 10, "random_state": 3}'))["a"]
    again = IsolationForest(n_estimators=10, random_state=3).fit(standard("a", TRUSTED))
    assert np.corrcoef(forest, -again.score_samples(standard("a", NEW)))[0, 1] > 0.5


@pytest.mark.parametrize("name", ["sklearn:OneClassSVM", "pyod:ECOD", "pyod:COPOD", "pyod:HBOS"])
def test_a_score_does_not_depend_on_the_batch(name: str) -> None:
    detector = Library(class_name=name)
    fitted = fit(detector, ArrayStream(TRUSTED, None, 32), SPEC, 5)
    # What ranks a row among its neighbours is asked row by row.
    assert bool(fitted["a/alone"]) is (name in ("pyod:ECOD", "pyod:COPOD"))
    whole = detector.score(fitted, NEW)
    one = Features({layer: rows[4:5] for layer, rows in NEW.activations.items()})
    for layer, values in detector.score(fitted, one).items():
        np.testing.assert_allclose(values[0], whole[layer][4], rtol=1e-9)


def test_equal_parameters_are_one_identity() -> None:
    one = Library(params='{"b": 1,  "a": [2]}')
    assert one.params == '{"a":[2],"b":1}'
    assert one == Library(params='{"a": [2], "b": 1}')


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"class_name": "sklearn:IsolationForrest"}, "has no detector 'IsolationForrest'"),
        ({"class_name": "os:system"}, "String should match pattern"),
        ({"params": "{"}, "is no JSON"),
        ({"params": "[1]"}, "must be a JSON object"),
    ],
)
def test_what_is_no_detector_of_a_library_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnomalyConfig.model_validate({"detector": {"kind": "library", **values}})


def test_an_unknown_parameter_or_class_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="takes no parameter 'trees'"):
        scores(Library(params='{"trees": 3}'))
    with pytest.raises(ConfigError, match="PyOD has no detector 'Nothing'"):
        scores(Library(class_name="pyod:Nothing"))


def test_detectors_that_say_the_same_count_once() -> None:
    rng = np.random.default_rng(0)
    same, other = rng.random(500), rng.random(500)
    weights = independent_weights(np.stack([same, same, other], axis=1))
    assert weights[0] == pytest.approx(weights[1])
    assert weights[0] < 0.75 < weights[2]
