"""A plug-in's detector that says `adds_up`: its layers are added, whatever the order and the batches of the samples."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from pydantic import create_model
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.assembly import DetectionData
from taskloom_anomaly.detection.fitting import FittedDetector, fit_detector
from taskloom_anomaly.detection.fusion import fuse
from taskloom_anomaly.detectors.base import Detector, Tensors
from taskloom_anomaly.detectors.gaussian import GaussianDetector, KnownMoments
from tests_sizes import size


class SquaredDeviations(GaussianDetector):
    """Sum of squared deviations from the trusted mean, each in its own standard deviation."""

    adds_up: ClassVar[bool] = True
    kind: Literal["squared_deviations"] = "squared_deviations"

    def fit_layer(self, layer: str, known: KnownMoments) -> Tensors:
        del layer
        own = known["trusted"]
        return {"mean": own.mean, "deviation": np.sqrt(own.covariance.diagonal()) + 1e-9}

    def score_layer(self, fitted: Tensors, rows: np.ndarray) -> np.ndarray:
        return np.asarray((((rows - fitted["mean"]) / fitted["deviation"]) ** 2).sum(axis=1))


class Deviation(SquaredDeviations):
    """Its root, which is no square any more."""

    adds_up: ClassVar[bool] = False

    def score_layer(self, fitted: Tensors, rows: np.ndarray) -> np.ndarray:
        return np.sqrt(super().score_layer(fitted, rows))


def fitted_by(detector: Detector, rows: np.ndarray, layers: tuple[str, ...] = ()) -> FittedDetector:
    """Fit a detector that is registered nowhere on a small network's activations."""
    torch.manual_seed(1)
    sizes = [5, 9, 7, 3]
    module = torch.nn.Sequential(
        *(part for a, b in pairwise(sizes) for part in (torch.nn.Linear(a, b), torch.nn.Tanh()))
    )
    kept, held = ArrayDataset(rows[:-40]), ArrayDataset(rows[-40:])
    handle = as_handle(module, None, rows[:5], warn=False)
    config = AnomalyConfig(layers=layers).model_copy(update={"detector": detector})
    return fit_detector(DetectionData(handle, kept, held, held, {}), config)


@pytest.mark.parametrize("case", range(size("adding_cases")))
def test_layers_of_a_detector_that_adds_up_are_added_whatever_the_order_and_the_batches(
    case: int,
) -> None:
    rng = np.random.default_rng(case)
    rows = rng.standard_normal((120 + 40, 5)).astype(np.float32)
    test = (2 * rng.standard_normal((int(rng.integers(2, 90)), 5))).astype(np.float32)
    whole = fitted_by(SquaredDeviations(), rows)
    fused = whole.score(test).fused
    assert whole.fusion == "sum"
    layers = whole.extractor.layers
    assert len(layers) > 2
    alone = [fitted_by(SquaredDeviations(), rows, (layer,)).score(test).fused for layer in layers]
    np.testing.assert_allclose(fused, np.sum(alone, axis=0), rtol=1e-12)
    order = rng.permutation(len(test))
    np.testing.assert_allclose(whole.score(test[order]).fused, fused[order], rtol=1e-5)
    for batch_size in (1, int(rng.integers(2, 40)), 1000):
        cut = replace(whole, extractor=replace(whole.extractor, batch_size=batch_size))
        # A network's activations depend on the batch by their rounding; the arithmetic on them does not.
        np.testing.assert_allclose(cut.score(test).fused, fused, rtol=1e-5)


def test_layers_of_a_detector_that_does_not_say_so_are_fused_otherwise() -> None:
    rng = np.random.default_rng(0)
    rows, test = (rng.standard_normal((count, 5)).astype(np.float32) for count in (160, 30))
    found = fitted_by(Deviation(), rows)
    answers = found.score(test)
    assert found.fusion == "mean"
    np.testing.assert_array_equal(answers.fused, fuse(answers.layer, found.calibration, "mean"))
    added = np.sum(list(answers.layer.values()), axis=0)
    assert not np.allclose(np.corrcoef(answers.fused, added)[0, 1], 1, atol=1e-6)


@pytest.mark.parametrize("said", ["yes", 1, None, property(lambda _: True), lambda _: True])
def test_a_declaration_that_is_not_true_or_false_is_refused(said: object) -> None:
    with pytest.raises(TypeError, match=r"Wrong declares adds_up otherwise than `adds_up: ClassVar\[bool\] = True`"):  # fmt: skip
        type("Wrong", (Deviation,), {"__module__": __name__, "__annotations__": {"adds_up": "ClassVar[bool]"}, "adds_up": said})  # fmt: skip


def test_a_declaration_that_would_be_a_parameter_is_refused() -> None:
    with (
        pytest.warns(UserWarning, match="shadows an attribute"),
        pytest.raises(TypeError, match="Wrong declares adds_up otherwise"),
    ):
        create_model("Wrong", __base__=Deviation, adds_up=(bool, True))
