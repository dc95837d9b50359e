"""Features that never vary, and p-values of a task's own detector: against samples that its network has not seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.cli import main
from taskloom_anomaly.detection.artifacts import load_detector, scores_of

Call = Callable[..., tuple[int, list[dict[str, Any]], str]]


def test_a_feature_that_wakes_is_counted_and_no_part_of_the_score(call: Call) -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(size=(200, 3)).astype(np.float32)
    known[:, 1] = 0.5
    new = known[:4].copy()
    new[2, 1] = 0.75
    np.save("still.npy", known)
    np.save("woken.npy", new)
    assert call("fit", "none", "still.npy", "--out=still")[0] == 0
    lines = call("score", "still", "woken.npy", "--fpr=0.05")[1][:-1]
    assert [line["outside"] for line in lines] == [0, 0, 1, 0]
    same = new.copy()
    same[2, 1] = 0.5
    np.save("asleep.npy", same)
    again = call("score", "still", "asleep.npy", "--fpr=0.05")[1][:-1]
    assert [line["score"] for line in again] == [line["score"] for line in lines]


def test_rows_of_a_parquet_file_are_those_of_the_table(call: Call, at_place: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    rows = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    lines = [f"r{i},{a},{b},{i % 2}" for i, (a, b) in enumerate(rows.tolist())]
    Path("table.csv").write_text("\n".join(["name,a,b,odd", *lines]))
    columns = {"name": [f"r{i}" for i in range(200)], "a": rows[:, 0], "b": rows[:, 1], "odd": np.arange(200) % 2}  # fmt: skip
    parquet.write_table(arrow.table(columns), "table.parquet", row_group_size=64)
    parquet.write_table(arrow.table({n: columns[n] for n in "ab"}), "trusted.parquet")
    assert call("fit", "none", "trusted.parquet", "--out=of_table")[0] == 0
    words = ("--id=name", "--labels=odd", "--batch-size=50", "--fpr=0.05")
    assert call("score", "of_table", "table.parquet", *words) == call("score", "of_table", "table.csv", *words)  # fmt: skip
    code, _, told = call("score", "of_table", "table.parquet", "--fpr=0.05")
    assert code == 2
    assert "The column 'name' of 'table.parquet' holds string" in told
    holes = {"a": [1.0, None], "b": [0.0, 1.0]}
    parquet.write_table(arrow.table(holes), "holes.parquet")
    code, found, _ = call("score", "of_table", "holes.parquet", "--fpr=0.05")
    assert (code, found[1]["row"], found[1]["error"]) == (1, 1, "an empty cell, or one that is no number")  # fmt: skip
    (at_place / "broken.parquet").write_bytes(b"PAR1")
    assert "cannot be read" in call("score", "of_table", "broken.parquet")[2]


def test_a_run_calibrates_on_samples_that_its_network_has_not_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--source=wine", "--training.epochs=3", "--min_explained=-9", f"--store={tmp_path}"]
    assert main(["run", "anomaly", "tabular", *small]) == 0
    (scores,) = tmp_path.rglob("scores.npz")
    kept, stored = scores_of(scores), load_detector(scores.parent)
    layers = [name for name in kept["normal"] if name != "fused"]
    assert list(stored.known.scores) == layers
    for layer in layers:
        np.testing.assert_array_equal(stored.known.scores[layer], kept["normal"][layer])
        # The scales of the layers are those of the samples that were held out of the fit.
        np.testing.assert_array_equal(stored.calibration[layer], kept["calibration"][layer])
    rows = np.random.default_rng(0).normal(size=(3, 13)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    capsys.readouterr()
    words = ["anomaly", "score", "@last", str(tmp_path / "rows.npy"), "--fpr=0.1"]
    assert main([*words, f"--store={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1])["summary"]["m"] == len(kept["normal"]["fused"])
