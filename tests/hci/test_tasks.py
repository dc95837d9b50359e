"""Every shipped task keeps the contract of a task."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.registry import TaskRef
from taskloom.testing import MemoryContext, check_task
from taskloom_hci.batch.episodes import load
from taskloom_hci.domain import DOMAIN

# A tiny configuration of each task, and a name that changes the outcome with the seed.
TINY: dict[str, dict[str, Any]] = {
    "pointing": {"episodes": 20, "chunk": 8, "shown": 1},
    "pointing_2d": {"episodes": 12, "chunk": 8, "shown": 1, "width": 5, "height": 4},
    "example": {"episodes": 12, "chunk": 8, "shown": 1},
    "classic_control": {"episodes": 12, "chunk": 8, "shown": 1, "max_rounds": 20},
    "gaze": {"episodes": 12, "chunk": 8, "shown": 1},
    "teaching": {"episodes": 4, "chunk": 2, "shown": 1, "items": 4, "trials": 6},
    "pipe": {"episodes": 4, "chunk": 2, "shown": 1},
    "coordinated": {"episodes": 6, "chunk": 3, "shown": 1},
}


def factory(ref: TaskRef) -> Any:
    module, name = ref.target.split(":")
    return getattr(__import__(module, fromlist=[name]), name)


@pytest.mark.parametrize("ref", DOMAIN.tasks, ids=lambda ref: ref.name)
def test_tasks_keep_the_contract(ref: TaskRef) -> None:
    check_task(factory(ref), **TINY[ref.name])


@pytest.mark.parametrize("ref", DOMAIN.tasks, ids=lambda ref: ref.name)
def test_tasks_report_what_they_played(ref: TaskRef, tmp_path: Path) -> None:
    from typing import get_type_hints

    from taskloom_hci.report.section import report

    made = factory(ref)
    config = get_type_hints(made.__init__)["config"](**TINY[ref.name])
    context = MemoryContext(tmp_path, seed=0)
    result = made(config).run(context)
    assert len(load(result.artifacts["episodes"])) == TINY[ref.name]["episodes"]
    assert json.loads(result.artifacts["timeline"].read_text())
    assert np.isfinite(list(result.metrics.values())).all()

    class Finished:
        metrics, artifacts = result.metrics, result.artifacts

    kinds = [type(block).__name__ for block in report(Finished())]  # type: ignore[arg-type]
    assert {"Heading", "Table", "Chart"} <= set(kinds)


@pytest.mark.parametrize("backend", ["loop", "numpy"])
def test_episodes_are_kept_while_they_are_played(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed goes on from any checkpoint, and ends as if nothing had been kept."""
    from taskloom_hci import driver as run
    from taskloom_hci.tasks.pointing import Pointing, PointingConfig

    config = PointingConfig.model_validate({**TINY["pointing"], "backend": backend})
    whole = MemoryContext(tmp_path / "whole", seed=3)
    expected = Pointing(config).run(whole)
    assert whole.latest_checkpoint is None
    monkeypatch.setattr(run, "KEEP_EVERY", 0.0)
    monkeypatch.setattr(run, "KEEP_SHARE", np.inf)
    kept = MemoryContext(tmp_path / "kept", seed=3)
    assert Pointing(config).run(kept).metrics == expected.metrics
    assert kept.rows == whole.rows
    checkpoints = sorted((tmp_path / "kept" / "checkpoints").iterdir())
    expected_steps = list(range(1, 20)) if backend == "loop" else [8, 16]
    assert [int(path.name) for path in checkpoints] == expected_steps
    for checkpoint in (checkpoints[0], checkpoints[-1]):
        again = MemoryContext(tmp_path / f"from-{checkpoint.name}", seed=3)
        assert Pointing(config).resume(again, checkpoint).metrics == expected.metrics


def test_help_needs_neither_numpy_nor_gymnasium() -> None:
    import subprocess
    import sys

    modules = sorted({ref.target.split(":")[0] for ref in DOMAIN.tasks})
    code = f"import sys, {', '.join(modules)}\nprint(sorted({{'numpy', 'gymnasium', 'numba'}} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
