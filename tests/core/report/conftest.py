"""A run folder as a finished run leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from taskloom.runs import Run
from taskloom.runs.record import RunRecord, write_record

CONFIG = {
    "seed": 3,
    "gait": {"kind": "slow", "speed": 0.5},
    "steps": 10,
    "places": ["a", "b"],
    "goal": None,
}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that writes a run folder and opens it."""
    count = 0

    def make(
        rows: Sequence[Mapping[str, float]] = (),
        log: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        **changes: Any,  # noqa: ANN401 -- the record's own fields
    ) -> Run:
        nonlocal count
        count += 1
        fields: dict[str, Any] = {
            "id": f"20261121-021459-lab-walk-k3f9q{count}",
            "domain": "lab",
            "task": "walk",
            "version": 2,
            "identity": "0123456789abcdef",
            "config": CONFIG,
            "status": "finished",
            "sources": {"gait.speed": "command line", "steps": "file base.toml"},
            "argv": ("tasks", "run", "lab", "walk", "--gait.speed=0.5", "--note=two words"),
            "created": "2026-11-21T02:14:59Z",
            "duration": 12.5,
            "metrics": {"distance": 12.25, "auroc/a": 0.5, "auroc/b": 0.75},
            "artifacts": {name: f"artifacts/{name}" for name in files or {}},
            "summary": "It walked.",
        }
        folder = tmp_path / "runs" / fields["id"]
        (folder / "artifacts").mkdir(parents=True)
        for name, data in (files or {}).items():
            (folder / "artifacts" / name).write_bytes(data)
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        lines = (
            {"time": "2026-11-21T02:15:00.000Z", "level": "info", "logger": "lab", "message": m}
            for m in log
        )
        (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        git = {"sha": "f" * 40, "branch": "main", "dirty": True}
        (folder / "env.json").write_text(
            json.dumps({"python": "3.11.7", "git": git, "distributions": {"pip": "23"}})
        )
        write_record(folder / "run.json", RunRecord(**{**fields, **changes}))
        return Run(folder)

    return make
