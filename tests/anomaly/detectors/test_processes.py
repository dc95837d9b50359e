"""Shards that are fitted in another process, and detectors that are read there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from taskloom.arrays import load_tensors
from taskloom.registry.components import load_components
from taskloom_anomaly.detection.artifacts import save_detector
from taskloom_anomaly.detectors.base import (
    GROUP,
    Detector,
    FeatureSpec,
    StreamingDetector,
)
from taskloom_anomaly.detectors.fit import fit, fit_state
from taskloom_anomaly.detectors.stream import ArrayStream, take

HERE = Path(__file__).parent
# Every registered detector, and the forms of them whose state or score is another; few steps are enough here.
FORMS: dict[str, tuple[dict[str, object], ...]] = {
    "mahalanobis": (
        {},
        {"mode": "class", "shrinkage": "ledoit_wolf", "standardise": False},
        {"mode": "relative", "shrinkage": "oas"},
        {"mode": "mixture", "shrinkage": "oas"},
        {"mode": "diagonal"},
    ),
    "vae": ({"epochs": 1},),
    "abstraction": ({"epochs": 2},),
    "finetune": ({"epochs": 1},),
    "iforest": ({"trees": 5},),
    "input_baseline": ({}, {"method": "knn"}),
}


@pytest.fixture(scope="module")
def features(request: pytest.FixtureRequest) -> ModuleType:
    # By the plugin's name: this is the conftest beside this file, which the other process loads, too.
    return next(
        plugin
        for plugin in request.config.pluginmanager.get_plugins()
        if getattr(plugin, "__file__", None) == str(HERE / "conftest.py")
    )


def test_detectors_merge_with_and_are_read_in_another_process(
    features: ModuleType, spec: FeatureSpec, tmp_path: Path
) -> None:
    make = features.make_features
    trusted, untrusted, test = make(600, 0), make(500, 1), make(60, 3)
    here = slice(0, 250)
    # The probe must be told the anomalies; the first samples play them.
    untrusted.anomalous[:100] = True  # type: ignore[index] # made with flags
    known = load_components(GROUP)
    cases: dict[str, tuple[Detector, dict[str, np.ndarray]]] = {}
    for kind, config_class in known.items():
        for index, parameters in enumerate(FORMS.get(kind, ({},))):
            detector = config_class.model_validate({"kind": kind, **parameters})
            assert isinstance(detector, Detector)
            shards = [features.follows(kind, shard) for shard in (trusted, untrusted)]
            own_spec = replace(spec, widths=features.widths_of(kind))
            fitted = fit(detector, ArrayStream(*shards, 64), own_spec, 7)
            (tmp_path / f"{kind}{index}").mkdir()
            save_detector(tmp_path / f"{kind}{index}", detector, fitted)
            cases[f"{kind}{index}"] = detector, fitted
    subprocess.run([sys.executable, HERE / "other_process.py", tmp_path], check=True, timeout=300)
    merged = 0
    for name, (detector, fitted) in cases.items():
        kind = detector.kind
        seen = features.follows(kind, test)
        expected = detector.score(fitted, seen)
        elsewhere = load_tensors(tmp_path / name / "scores.safetensors")
        assert elsewhere.keys() == expected.keys()
        for layer, scores in expected.items():
            np.testing.assert_array_equal(elsewhere[layer], scores, err_msg=name)
        if not isinstance(detector, StreamingDetector):
            continue
        parts = [features.follows(kind, take(shard, here)) for shard in (trusted, untrusted)]
        own_spec = replace(spec, widths=features.widths_of(kind))
        own = fit_state(detector, ArrayStream(*parts, 64), own_spec, 7)
        other = load_tensors(tmp_path / name / "state.safetensors")
        found = detector.score(detector.finalize(detector.merge(own, other)), seen)
        for layer, scores in expected.items():
            np.testing.assert_allclose(found[layer], scores, rtol=1e-5, atol=1e-7, err_msg=name)
        merged += 1
    assert merged >= 14
