"""`tasks anomaly cleanse`: poisoned training samples are removed at a stated rate, and the attack is gone after retraining."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.arrays import load_npz
from taskloom.cli import main
from taskloom_anomaly.statistics.contrast import contrast
from taskloom_anomaly.statistics.wrong_labels import LabelledRows, wrong_labels

Call = Callable[..., tuple[int, list[dict[str, Any]], str]]
SETTINGS = {
    "data.source": "digits8",
    "data.num_train": "1200",
    "data.num_test": "400",
    "model.hidden_dims": "64,32",
    "training.epochs": "15",
    "training.learning_rate": "0.005",
    "trigger": "patch",
    "min_accuracy": "0",
    "min_attack_success": "0",
    "baselines": "false",
    "control.clean_twin": "false",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a poisoned run of 8x8 digits."""
    folder = tmp_path_factory.mktemp("poisoned")
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    assert main(["run", "anomaly", "backdoor", *settings, f"--store={folder}"]) == 0
    return folder


def test_two_populations_under_one_label_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 150)
    scales = np.array([1, 100, 1e-3, 1, 1])
    rows = rng.normal(size=(600, 5)) + 2 * labels[:, None]
    odd = np.zeros(600, bool)
    odd[:40] = True
    rows[odd] += [0, 0, 9, 0, 0]
    known = rng.normal(size=(80, 5)) + 2 * np.repeat(np.arange(4), 20)[:, None]
    known_labels = np.repeat(np.arange(4), 20)
    own, held = contrast(rows * scales, labels, known * scales, known_labels, (known * scales, known_labels))  # fmt: skip
    assert own[odd].min() > max(own[~odd].max(), held.max())
    # Units count for nothing, and neither does the order of samples.
    order = rng.permutation(600)
    again, _ = contrast(rows[order], labels[order], known, known_labels, (known, known_labels))
    np.testing.assert_allclose(again, own[order], rtol=1e-6)


def _marked_samples(count: int, rng: np.random.Generator) -> tuple[LabelledRows, np.ndarray]:
    """Samples of four classes of which some carry a mark and the label 0."""
    true = rng.integers(0, 4, count)
    inputs = rng.normal(size=(count, 6)) + 6 * np.eye(6)[true]
    marked = np.arange(count) < count // 10
    labels = np.where(marked, 0, true)
    trace = rng.normal(size=(count, 1)) + 8 * marked[:, None]
    return LabelledRows(inputs, np.concatenate([inputs, trace], axis=1), labels), marked


@pytest.mark.parametrize("wide", [False, True])
def test_wrong_labels_that_share_a_mark_are_found(wide: bool) -> None:
    rng = np.random.default_rng(1)
    rows, marked = _marked_samples(600, rng)
    # The first of the trusted samples is not right: it must not be taken for right because it is trusted.
    part, odd = _marked_samples(300, rng)
    trusted = np.concatenate([[0], np.flatnonzero(~odd)])
    known = LabelledRows(part.inputs[trusted], part.traces[trusted], part.labels[trusted])
    if wide:
        # More features than samples: the same discriminant by the other identity.
        rows, known = (
            part._replace(traces=np.concatenate([part.traces, np.zeros((len(part.labels), 900))], axis=1))
            for part in (rows, known)
        )  # fmt: skip
    found = wrong_labels(rows, known)
    assert found is not None
    own, of_known = found
    highest = of_known[1:].max()
    assert of_known[0] > highest
    assert (own[marked] > highest).mean() > 0.97
    assert (own[~marked] > highest).mean() < 0.02
    assert not own[rows.labels != 0].any()


def test_right_labels_stand_out_nowhere() -> None:
    rng = np.random.default_rng(2)
    rows, marked = _marked_samples(600, rng)
    right = LabelledRows(rows.inputs[~marked], rows.traces[~marked], rows.labels[~marked])
    assert wrong_labels(right, right) is None


def test_a_label_with_one_trusted_sample_is_not_judged() -> None:
    rng = np.random.default_rng(3)
    rows, _ = _marked_samples(600, rng)
    known, odd = _marked_samples(200, rng)
    few = np.flatnonzero(~odd & (known.labels > 0))
    alone = np.concatenate([few, np.flatnonzero(~odd & (known.labels == 0))[:1]])
    trusted = LabelledRows(known.inputs[alone], known.traces[alone], known.labels[alone])
    assert wrong_labels(rows, trusted) is None


def test_a_run_is_cleansed_and_its_network_loses_the_backdoor(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["anomaly", "cleanse", "@last", f"--store={store}", "--retrain"]
    assert main([*words, "--out", str(tmp_path / "clean")]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["before"]["attack_success"]["value"] > 0.9
    assert found["recall"] > 0.95
    assert found["removed_of_clean"] < 0.05
    assert found["after"]["attack_success"]["value"] < 0.1
    assert found["after"]["clean_accuracy"]["value"] > found["before"]["clean_accuracy"]["value"] - 0.05  # fmt: skip
    assert "score" in found["input_baseline"]
    assert "attack success from" in shown.err
    kept = load_npz(tmp_path / "clean" / "kept.npz")
    lines = [json.loads(x) for x in (tmp_path / "clean" / "removed.jsonl").read_text().splitlines()]
    assert len(kept["inputs"]) == len(kept["labels"]) == 1200 - found["removed"]
    assert sorted([*kept["row"].tolist(), *(line["row"] for line in lines)]) == list(range(1200))
    assert all(line["p"] <= 0.01 for line in lines)
    assert [line["p"] for line in lines] == sorted(line["p"] for line in lines)
    assert main([*words, "--out", str(tmp_path / "clean")]) == 2
    few = ["anomaly", "cleanse", "@last", f"--store={store}", "--num-trusted=90"]
    assert main([*few, "--out", str(tmp_path / "few")]) == 2
    assert "needs 99 calibration samples; there are 90" in capsys.readouterr().err
    assert not (tmp_path / "few").exists()


def test_a_detector_removes_by_its_own_p_values(call: Call, at_place: Path) -> None:
    code, lines, _ = call("cleanse", "det", "new.npy", "--out=kept")
    assert code == 0
    assert lines[0] == {"samples": 60, "removed": 5}
    assert load_npz(at_place / "kept" / "kept.npz")["row"].tolist() == list(range(55))
    assert call("cleanse", "det", "--out=none")[0] == 2
    assert "DATA is missing" in call("cleanse", "det", "--out=none")[2]
