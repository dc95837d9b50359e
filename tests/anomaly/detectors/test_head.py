"""ViM, ReAct and the exact quantile against their formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import logsumexp
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.react import ReAct
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.vim import ViM
from taskloom_anomaly.statistics.quantile import exact_quantile

RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.standard_normal((5, 12)), RNG.standard_normal(5)
SPEC = FeatureSpec({"first": 3, "hidden": 12}, 5, "hidden", WEIGHT, BIAS)


def features(count: int, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    hidden = np.maximum(rng.standard_normal((count, 12)) @ np.diag(np.arange(1, 13.0)), 0)
    return Features({"first": hidden[:, :3], "hidden": hidden}, hidden @ WEIGHT.T + BIAS)


def fit_score(detector: Detector, trusted: Features, test: Features) -> np.ndarray:
    fitted = fit(detector, ArrayStream(trusted, batch_size=60), SPEC, 0)
    return detector.score(fitted, test)["logits"]


@pytest.mark.parametrize("rank", [0, 4])
def test_vim_is_its_formula(rank: int) -> None:
    trusted, test = features(300, 1), features(40, 2)
    assert trusted.logits is not None
    assert test.logits is not None
    origin = -np.linalg.pinv(WEIGHT) @ BIAS
    offset = trusted.activations["hidden"] - origin
    vectors = np.linalg.eigh(offset.T @ offset)[1]
    complement = vectors[:, : 12 - (rank or 6)]
    alpha = trusted.logits.max(axis=1).sum() / np.linalg.norm(offset @ complement, axis=1).sum()
    residual = np.linalg.norm((test.activations["hidden"] - origin) @ complement, axis=1)
    expected = alpha * residual - logsumexp(test.logits, axis=1)
    np.testing.assert_allclose(fit_score(ViM(rank=rank), trusted, test), expected, rtol=1e-8)


def test_react_is_the_energy_of_cut_features() -> None:
    trusted, test = features(300, 3), features(40, 4)
    cut = np.quantile(trusted.activations["hidden"].astype(np.float32), 0.9)
    logits = np.minimum(test.activations["hidden"], cut) @ WEIGHT.T + BIAS
    np.testing.assert_allclose(
        fit_score(ReAct(), trusted, test), -logsumexp(logits, axis=1), rtol=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.float32, st.integers(1, 50), elements=st.floats(-1048576, 1048576, width=32)),
    st.floats(0, 1),
)
def test_exact_quantile_equals_numpy(values: np.ndarray, share: float) -> None:
    found = exact_quantile(lambda: np.array_split(values, 3), share)
    expected = np.quantile(values.astype(np.float64), share)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("detector", [ViM(), ReAct()])
def test_head_detectors_say_what_is_missing(detector: Detector) -> None:
    stream = ArrayStream(features(50, 5))
    with pytest.raises(ValueError, match="needs the last linear layer"):
        fit(detector, stream, FeatureSpec({"hidden": 12}, 5), 0)
    with pytest.raises(ValueError, match="no layer 'hiden'; the layers are: first, hidden"):
        fit(detector, stream, replace(SPEC, head_layer="hiden"), 0)


def test_vim_refuses_to_leave_no_residual() -> None:
    with pytest.raises(ValueError, match="use at most 11"):
        fit_score(ViM(rank=12), features(50, 6), features(5, 7))
