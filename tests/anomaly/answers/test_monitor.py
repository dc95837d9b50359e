"""`tasks anomaly monitor`: one line a point, errors that stop nothing, and a run that goes on where it stopped."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.testing import MemoryContext, check_task
from taskloom_anomaly.tasks.monitor import Monitor, MonitorConfig

Call = Callable[..., tuple[int, list[dict[str, Any]], str]]
Pictures = Callable[..., np.ndarray]


@pytest.fixture
def stream(at_place: Path, pictures: Pictures) -> Path:
    """A hundred normal images and forty odd ones behind them, with a broken line among them."""
    rows = np.concatenate([pictures(100, 5), pictures(40, 6, odd=40)])
    lines = [json.dumps({"input": row.tolist()}) for row in rows]
    path = at_place / "stream.jsonl"
    path.write_text("\n".join([*lines[:50], "{broken", *lines[50:]]) + "\n")
    return path


def config(**changes: object) -> MonitorConfig:
    return MonitorConfig.model_validate(
        {
            "detector": "det",
            "stream": "stream.jsonl",
            "batch_size": 8,
            "checkpoint_every": 30,
            **changes,
        }
    )


@pytest.mark.usefixtures("stream")
def test_a_watch_is_a_run_with_a_line_a_point(call: Call, at_place: Path) -> None:
    code, lines, told = call("monitor", "det", "stream.jsonl", "--store=runs")
    assert code == 0
    assert [line["row"] for line in lines] == list(range(141))
    assert "no JSON" in lines[50]["error"]
    alarms = [line["row"] for line in lines if line.get("alarm")]
    assert alarms
    assert 101 < alarms[0] < 120
    (run,) = (at_place / "runs").glob("*monitor*")
    kept = (run / "artifacts" / "points.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in kept] == lines
    metrics = json.loads((run / "run.json").read_text())["metrics"]
    assert metrics["points"] == 140
    assert metrics["errors"] == 1
    assert metrics["first_alarm"] == alarms[0]
    assert "at most 0.01 from one alarm to the next" in told


def test_the_standard_input_is_watched_without_a_run(
    call: Call, stream: Path, at_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(stream.read_text()))
    code, lines, told = call("monitor", "det", "--no-store", "--mean-run=1000", "--layer=2")
    assert code == 0
    assert len(lines) == 141
    assert "after 1,000 points in the mean" in told
    assert not (at_place / "runs").exists() or not list((at_place / "runs").glob("*stdin*"))
    assert call("monitor", "det", "--layer=9", "--no-store")[0] == 2
    assert "no layer '9'" in call("monitor", "det", "--layer=9", "--no-store")[2]


@pytest.mark.usefixtures("stream")
def test_a_watch_keeps_to_the_contract_and_goes_on_to_the_same_bytes(at_place: Path) -> None:
    here = {name: str(at_place / name) for name in ("det", "stream.jsonl")}
    settings = config(detector=here["det"], stream=here["stream.jsonl"]).model_dump(mode="json")
    assert "stopped and resumed equals undisturbed" in check_task(Monitor, **settings)
    whole = MemoryContext(at_place / "whole", seed=0)
    Monitor(config()).run(whole)
    part = MemoryContext(at_place / "part", seed=0, stop_after=5)
    Monitor(config()).run(part)
    checkpoint = part.latest_checkpoint
    assert checkpoint is not None
    points = at_place / "part" / "artifacts" / "points.jsonl"
    with points.open("a") as file:
        file.write(
            '{"row": 40, "p": 0.1'
        )  # written by a process that was killed behind its checkpoint
    part.stop_after = None
    Monitor(config()).resume(part, checkpoint)
    assert points.read_bytes() == (at_place / "whole" / "artifacts" / "points.jsonl").read_bytes()


def test_a_watch_ends_with_a_sentence(at_place: Path, stream: Path) -> None:
    del stream
    result = Monitor(config(max_points=24)).run(MemoryContext(at_place / "short", seed=0))
    assert result.metrics["points"] == 24
    assert "--max_points were seen" in result.summary
