"""Statistics gathered inside the compiled forward pass: the same moments, the same scores, and nothing kept."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from flax import linen as nn
from taskloom.errors import RunFailedError
from taskloom_anomaly.backends.jax_handle import JaxHandle
from taskloom_anomaly.backends.jax_moments import MomentsGatherer
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection import compiled_fit, fitting as detection
from taskloom_anomaly.detection.assembly import DetectionData
from taskloom_anomaly.detection.fitting import fit_detector
from taskloom_anomaly.models.cnn import CNN
from taskloom_anomaly.statistics import moments


class Lifted(nn.Module):
    """A hidden layer of width 9 whose means are far from zero, and two logits."""

    offset: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Dense(9, name="hidden", bias_init=nn.initializers.constant(self.offset))(x)
        return nn.Dense(2, name="logits")(x)


def handle_of(offset: float = 0.0) -> JaxHandle:
    handle = as_handle(Lifted(offset), None, np.zeros((1, 5), np.float32), warn=False)
    assert isinstance(handle, JaxHandle)
    return handle


def samples(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)


@pytest.mark.parametrize("fourth", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_gathered_moments_are_those_of_the_activations(offset: float, fourth: bool) -> None:
    # 300 samples in batches of 128: the last batch is padded, and the padding must not count.
    handle, inputs = handle_of(offset), samples(300)
    rows = handle.forward(inputs, ("hidden",)).activations["hidden"]
    gatherer = MomentsGatherer(
        handle, {"hidden": rows[:128].mean(axis=0)}, {"hidden": "mean"}, fourth=fourth
    )
    for start in range(0, 300, 128):
        assert gatherer.add(inputs[start : start + 128])
    found, exact = gatherer.moments()["hidden"], moments.of_rows(rows, fourth=True)
    spread = np.diag(exact.scatter).max()
    assert found.number == 300
    np.testing.assert_allclose(
        found.mean, exact.mean, atol=1e-6 * max(np.sqrt(spread / 300), offset)
    )
    np.testing.assert_allclose(found.scatter, exact.scatter, atol=1e-6 * spread)
    assert found.has_fourth == fourth
    if not fourth:
        return
    np.testing.assert_allclose(found.third, exact.third, atol=2e-6 * np.abs(exact.third).max())
    np.testing.assert_allclose(found.fourth, exact.fourth, rtol=2e-6)


def test_gathered_moments_see_what_the_reduction_makes_of_images() -> None:
    model = CNN(channels=(3,), dense_dims=()).build((6, 6, 1), 2, 0)
    inputs = np.random.default_rng(0).random((40, 6, 6, 1), dtype=np.float32)
    handle = as_handle(model, None, inputs[:1], warn=False)
    assert isinstance(handle, JaxHandle)
    image = handle.forward(inputs, ("conv_0",)).activations["conv_0"]
    rows = np.concatenate([image.mean(axis=(1, 2)), image.max(axis=(1, 2))], axis=1)
    gatherer = MomentsGatherer(handle, {"conv_0": rows.mean(axis=0)}, {"conv_0": "mean_max"})
    assert gatherer.add(inputs)
    exact = moments.of_rows(rows)
    found = gatherer.moments()["conv_0"]
    np.testing.assert_allclose(found.scatter, exact.scatter, atol=1e-6 * exact.scatter.max())


def problem_of(inputs: np.ndarray, handle: JaxHandle) -> DetectionData:
    few = ArrayDataset(samples(20, 1))
    mixture = ArrayDataset(samples(90, 2) + 1)
    return DetectionData(
        handle, ArrayDataset(inputs), few, few, {"anomalies": few}, untrusted=mixture
    )


@pytest.mark.parametrize(
    "detector",
    [
        {"kind": "mahalanobis"},
        {"kind": "mahalanobis", "shrinkage": "oas"},
        {"kind": "que"},
    ],
    ids=lambda d: "-".join(d.values()),
)
def test_compiled_fit_gives_the_scores_of_the_plain_one(
    detector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = problem_of(samples(200), handle_of())
    config = AnomalyConfig.model_validate({"detector": detector, "batch_size": 64})
    plain = fit_detector(problem, config)
    monkeypatch.setattr(compiled_fit, "_WORTH_COMPILING", 0.0)
    monkeypatch.setattr(compiled_fit, "_on_accelerator", lambda handle: True)
    compiled = fit_detector(problem, config)
    assert any((plain.tensors[k] != compiled.tensors[k]).any() for k in plain.tensors)
    test = ArrayDataset(samples(30, 5) + 0.5)
    for layer, scores in plain.score(test).items():
        np.testing.assert_allclose(compiled.score(test)[layer], scores, rtol=1e-4, atol=1e-4)


def test_compiled_fit_is_chosen_for_many_samples_and_moments_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    real = detection.fit_compiled
    monkeypatch.setattr(detection, "fit_compiled", lambda *a: calls.append("compiled") or real(*a))
    monkeypatch.setattr(compiled_fit, "_WORTH_COMPILING", 200 * (9.0**2 + 2**2))
    handle = handle_of()
    # On the processor there is nothing to gain.
    fit_detector(problem_of(samples(200), handle), AnomalyConfig())
    monkeypatch.setattr(compiled_fit, "_on_accelerator", lambda handle: True)
    for size, kind in ((199, "mahalanobis"), (200, "knn"), (200, "mahalanobis")):
        assert not calls
        config = AnomalyConfig.model_validate({"detector": {"kind": kind}})
        fit_detector(problem_of(samples(size), handle), config)
    assert calls == ["compiled"]


def test_compiled_fit_names_the_layer_with_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_fit, "_WORTH_COMPILING", 0.0)
    monkeypatch.setattr(compiled_fit, "_on_accelerator", lambda handle: True)
    inputs = samples(200)
    inputs[150] = np.nan
    with pytest.raises(RunFailedError, match=r"NaN or infinity in .* on 1 of \d+ samples"):
        fit_detector(problem_of(inputs, handle_of()), AnomalyConfig(batch_size=64))
