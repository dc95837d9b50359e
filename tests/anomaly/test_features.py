"""Activations on their way from the network to a detector."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.activations import ActivationStore
from taskloom_anomaly.detection.assembly import DetectionData
from taskloom_anomaly.detection.features import Extractor, ModelStream, extractor_for
from taskloom_anomaly.detection.fitting import fit_detector, score_sets


class Counted(torch.nn.Module):
    """Passes its input on and counts how often."""

    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x


def extractor(store: ActivationStore | None = None) -> tuple[Extractor, Counted]:
    torch.manual_seed(0)
    counted = Counted()
    module = torch.nn.Sequential(
        OrderedDict(hidden=torch.nn.Linear(4, 3), count=counted, logits=torch.nn.Linear(3, 2))
    )
    handle = as_handle(module, None, np.zeros((1, 4), np.float32), warn=False)
    found = extractor_for(handle, ("hidden",), "auto", 16, store)
    counted.calls = 0
    return found, counted


def data(n: int = 50) -> ArrayDataset:
    rng = np.random.default_rng(0)
    flags = np.arange(n) % 5 == 0
    return ArrayDataset(rng.normal(size=(n, 4)).astype(np.float32), np.arange(n) % 2, flags)


def test_extractor_reads_a_second_time_from_the_store(tmp_path: Path) -> None:
    plain = list(extractor()[0].batches(data()))
    kept, counted = extractor(ActivationStore(tmp_path))
    first = list(kept.batches(data()))
    calls = counted.calls
    # Beside the data: fixed inputs for the fingerprint, and the first and the last row, to see that what is kept still holds.
    assert calls - 2 == len(plain) == 4
    second = list(kept.batches(data()))
    assert counted.calls == calls + 1
    for a, b, c in zip(plain, first, second, strict=True):
        for other in (b, c):
            np.testing.assert_array_equal(other.activations["hidden"], a.activations["hidden"])
            np.testing.assert_array_equal(other.logits, a.logits)
            np.testing.assert_array_equal(other.labels, a.labels)
    list(kept.batches(data(40)))
    assert counted.calls > calls


def test_stream_runs_the_network_once_for_several_passes() -> None:
    found, counted = extractor()
    stream = ModelStream(found, {"trusted": data()})
    first = [features.activations["hidden"] for features in stream.batches("trusted")]
    calls = counted.calls
    second = [features.activations["hidden"] for features in stream.batches("trusted")]
    assert counted.calls == calls
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(second))
    assert list(stream.batches("untrusted")) == []


def test_stream_shows_hidden_flags_to_skylines_only() -> None:
    found, _ = extractor()
    mixture = {"trusted": data(), "untrusted": data()}
    blind = ModelStream(found, mixture)  # type: ignore[arg-type] # the keys are the splits' names
    skyline = ModelStream(found, mixture, reveal=True)  # type: ignore[arg-type] # the same
    assert all(f.anomalous is None for f in blind.batches("untrusted"))
    assert all(f.anomalous is not None for f in skyline.batches("untrusted"))
    assert all(f.anomalous is None for f in skyline.batches("trusted"))


def test_detectors_share_one_extraction_until_a_weight_changes(tmp_path: Path) -> None:
    found, counted = extractor()

    def run(kind: str, handle: ModelHandle) -> tuple[int, np.ndarray]:
        problem = DetectionData(handle, data(50), data(20), data(30), {"all": data(10)})
        config = AnomalyConfig.model_validate(
            {"detector": {"kind": kind}, "activations": tmp_path, "layers": ["hidden"]}
        )
        counted.calls = 0
        scores = score_sets(fit_detector(problem, config), {"normal": problem.normal})
        return counted.calls, scores["normal"]["fused"]

    _ = found.handle.fingerprint  # runs the network once
    first, scores = run("mahalanobis", found.handle)
    again, same = run("mahalanobis", found.handle)
    other, _ = run("pca_residual", found.handle)
    assert first - again == first - other == 3
    np.testing.assert_array_equal(same, scores)
    parameters = found.handle.parameters()
    parameters["hidden.weight"] = parameters["hidden.weight"] + np.float32(1e-3)
    moved = found.handle.with_parameters(parameters)
    assert "hidden" in moved.layers  # a first look at a network runs it
    assert moved.fingerprint != found.handle.fingerprint
    counted = moved._module.count  # type: ignore[attr-defined] # the copy counts its own calls
    missed, different = run("mahalanobis", moved)
    assert missed == first
    assert (different != scores).any()
