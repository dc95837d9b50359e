"""The detector of a run as a folder: one form, and readers of the two older ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.cli import main
from taskloom.errors import ConfigError, StoreError
from taskloom.opening import open_run, open_task
from taskloom.testing import MemoryContext
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.form import InputForm
from taskloom_anomaly.detection.artifacts import (
    DETECTOR_FILE,
    LAYERS_FILE,
    PARAMETERS_FILE,
    keep_detector,
    load,
    load_detector,
    save_detector,
    scores_of,
)
from taskloom_anomaly.detection.own_network import fit
from taskloom_anomaly.tasks.toy_features import ToyFeaturesTask

TINY = {"size": 200, "training.epochs": 2, "min_accuracy": 0, "baselines": False, "fusion": "max"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[ToyFeaturesTask, Path]:
    """A task that has run, and the folder of its run."""
    bound: Any = open_task("anomaly/toy_features", TINY)
    ctx = MemoryContext(tmp_path_factory.mktemp("run"))
    bound.run(ctx)
    return bound.task, ctx.dir


@pytest.fixture
def folder(finished: tuple[ToyFeaturesTask, Path], tmp_path: Path) -> Path:
    """A copy of the folder of the detector."""
    return shutil.copytree(finished[1] / "artifacts", tmp_path / "artifacts")


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_detector_of_a_run_scores_to_the_bit_what_the_run_scored(
    finished: tuple[ToyFeaturesTask, Path],
) -> None:
    task, run = finished
    kept = scores_of(run / "artifacts" / "scores.npz")["anomalous/anomalies"]
    found = load(run).score(task.build_anomalous_data())
    for layer, scores in found.items():
        np.testing.assert_array_equal(scores, kept[layer])
    assert {*found, "fused"} == set(kept)


def test_a_detector_is_the_documented_folder(folder: Path) -> None:
    stored = load_detector(folder)
    assert stored.layers == ("dense_0", "dense_1", "logits")
    assert (stored.fusion, stored.reduction) == ("max", "auto")
    assert set(stored.calibration) == set(stored.layers)
    again = folder.parent / "again"
    again.mkdir()
    names = ("calibration", "layers", "fusion", "classes", "counts", "form", "constants", "fresh")
    facts = {name: getattr(stored, name) for name in names}
    assert stored.form == InputForm((2,), "f")
    evidence = json.loads((folder / LAYERS_FILE).read_text())["evidence"]
    save_detector(
        again, stored.detector, stored.tensors, evidence=evidence, model=stored.model, **facts
    )
    for name in (DETECTOR_FILE, PARAMETERS_FILE, LAYERS_FILE):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    first = evidence[0]
    assert (first["name"], first["shape"], first["evidence"]) == ("dense_0", ["n", "d"], "two axes")


@pytest.mark.parametrize(("asked", "kept"), [("auto", "sum"), ("mean", "mean")])
def test_a_detector_keeps_the_fusion_that_it_was_fitted_with(
    asked: str, kept: str, tmp_path: Path
) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    fitted = fit(None, rows, fusion=asked)
    # What a later version calls its default does not matter.
    keep_detector(tmp_path, fitted, AnomalyConfig())
    assert json.loads((tmp_path / PARAMETERS_FILE).read_text())["fusion"] == kept
    again = load_detector(tmp_path).over(fitted.extractor.handle)
    np.testing.assert_array_equal(again.fused(rows), fitted.fused(rows))


def test_a_run_of_version_0_1_is_read(folder: Path) -> None:
    new = load_detector(folder)
    layers = json.loads((folder / LAYERS_FILE).read_text())
    (folder / LAYERS_FILE).unlink()
    rewrite(
        folder / PARAMETERS_FILE, schema=1, layers=layers["layers"], reduction=layers["reduction"]
    )
    old = load_detector(folder)
    assert (old.layers, old.reduction, old.fusion, old.model) == (
        new.layers,
        new.reduction,
        new.fusion,
        new.model,
    )
    assert set(old.tensors) == set(new.tensors)


def test_a_folder_of_the_storage_of_version_0_1_is_read(folder: Path, tmp_path: Path) -> None:
    new = load_detector(folder)
    (tmp_path / "old").mkdir()
    save_detector(tmp_path / "old", new.detector, new.tensors)
    parameters = new.detector.model_dump(mode="json")
    document = json.dumps({"format": 1, "detector": parameters})
    (tmp_path / "old" / PARAMETERS_FILE).write_text(document)
    (tmp_path / "old" / LAYERS_FILE).unlink()
    old = load_detector(tmp_path / "old")
    assert old.detector == new.detector
    assert (old.layers, old.model, old.calibration) == ((), "", {})
    for name, array in new.tensors.items():
        np.testing.assert_array_equal(old.tensors[name], array)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 3}, "of a later version"),
        ({"detector": {"kind": "mahalanobis", "rcond": "x"}}, "cannot be read"),
        ({"detector": []}, "cannot be read"),
    ],
)
def test_a_damaged_detector_is_one_sentence(
    folder: Path, changes: dict[str, object], message: str
) -> None:
    rewrite(folder / PARAMETERS_FILE, **changes)
    with pytest.raises(StoreError, match=message):
        load_detector(folder)


def test_a_detector_of_another_network_is_refused(folder: Path) -> None:
    rewrite(folder / PARAMETERS_FILE, model="0" * 40)
    with pytest.raises(ConfigError, match="fitted on another network"):
        load(folder)
    shutil.rmtree(folder / "model")
    with pytest.raises(ConfigError, match="No network is stored with the detector"):
        load(folder)


def test_a_run_loads_what_it_left_and_records_its_seeds(tmp_path: Path) -> None:
    words = [f"--{name}={value}" for name, value in TINY.items()]
    assert main(["run", "anomaly", "toy_features", *words, f"--store={tmp_path}"]) == 0
    run = open_run("@last", tmp_path)
    assert {"data", "test", "anomalous", "init", "train", "detector"} <= set(run.record.seeds)
    detector = run.load("detector")
    assert detector.extractor.handle.fingerprint == run.load("model").handle().fingerprint
    inputs = ArrayDataset(np.zeros((3, 2), np.float32))
    assert {layer: scores.shape for layer, scores in detector.score(inputs).items()} == {
        "dense_0": (3,),
        "dense_1": (3,),
        "logits": (3,),
    }
