"""Every shipped task keeps the contract of a task."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.arrays import load_npz
from taskloom.asking import resolve_request
from taskloom.lifecycle.lifecycle import run_task
from taskloom.opening import open_task
from taskloom.registry import TaskRef
from taskloom.request import RunOptions
from taskloom.testing import MemoryContext, check_task
from taskloom_hci import driver
from taskloom_hci.batch.episodes import load
from taskloom_hci.domain import DOMAIN
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.report.section import report
from taskloom_hci.tasks.pointing import PointingConfig, pointing

# A tiny configuration of each task, and a name that changes the outcome with the seed.
# A study is no game: its run serves games to people.
GAMES = [ref for ref in DOMAIN.tasks if ref.name != "study"]
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
    return getattr(import_module(module), name)


@pytest.mark.parametrize("ref", GAMES, ids=lambda ref: ref.name)
def test_tasks_keep_the_contract(ref: TaskRef) -> None:
    check_task(factory(ref), **TINY[ref.name])


@pytest.mark.parametrize("ref", DOMAIN.tasks, ids=lambda ref: ref.name)
def test_a_task_is_a_function_with_its_name_and_the_sentence_of_the_manifest(ref: TaskRef) -> None:
    assert (factory(ref).__name__, factory(ref).__doc__) == (ref.name, ref.summary)


@pytest.mark.parametrize("ref", GAMES, ids=lambda ref: ref.name)
def test_tasks_report_what_they_played(ref: TaskRef, tmp_path: Path) -> None:
    loaded, asked = resolve_request(f"hci/{ref.name}", TINY[ref.name], {})
    run = run_task(loaded, asked.config, RunOptions(store=tmp_path, quiet=True))
    assert len(load(run.artifacts["episodes"])) == TINY[ref.name]["episodes"]
    assert json.loads(run.read("timeline"))
    assert np.isfinite(list(run.metrics.values())).all()
    kinds = [type(block).__name__ for block in report(run)]
    assert {"Fold", "Table", "Chart"} <= set(kinds)
    headline = run.headline
    assert headline is not None
    if ref.name == "classic_control":
        assert headline.no_baseline == "the user itself pays the reward"
    if headline.baseline is None:
        assert headline.no_baseline
        assert headline.verdict == "none"
    else:
        kept = load_npz(run.artifacts["baseline"])
        assert headline.value == pytest.approx(float(kept["value"].mean()))
        apart = float((kept["value"] - kept["baseline"]).mean())
        assert headline.baseline.difference == pytest.approx(apart)


@pytest.mark.parametrize("backend", ["loop", "numpy"])
def test_episodes_are_kept_while_they_are_played(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed goes on from any checkpoint, and ends as if nothing had been kept."""
    task = open_task("hci/pointing", TINY["pointing"], backend=backend)
    whole = MemoryContext(tmp_path / "whole", seed=3)
    expected = task.run(whole)
    assert whole.latest_checkpoint is None
    monkeypatch.setattr(driver, "KEEP_EVERY", 0.0)
    monkeypatch.setattr(driver, "KEEP_SHARE", np.inf)
    kept = MemoryContext(tmp_path / "kept", seed=3)
    assert task.run(kept).metrics == expected.metrics
    assert kept.rows == whole.rows
    checkpoints = sorted((tmp_path / "kept" / "checkpoints").iterdir())
    expected_steps = list(range(1, 20)) if backend == "loop" else [8, 16]
    assert [int(path.name) for path in checkpoints] == expected_steps
    for checkpoint in (checkpoints[0], checkpoints[-1]):
        again = MemoryContext(tmp_path / f"from-{checkpoint.name}", seed=3)
        assert task.run(again, checkpoint).metrics == expected.metrics


def test_a_task_and_a_config_make_a_game() -> None:
    config = PointingConfig(cells=9, targets=3)
    bundle = driver.pair(pointing(config), config, seed=7)
    assert (type(bundle.task), bundle.seed) == (Pointing, 7)
    with pytest.raises(BundleConstraintError, match=r"'careful' plays.*'big' plays"):
        driver.pair(open_task("hci/example").task, config)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pointing:Pointing2D", "pointing_2d"),
        ("control:ClassicControl", "classic_control"),
        ("simple:Example", "example"),
        ("teaching:Teaching", "teaching"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*has moved:FutureWarning")
def test_a_plugin_finds_the_factories_of_version_0_1(old: str, new: str) -> None:
    module, name = f"taskloom_hci.tasks.{old}".split(":")
    assert getattr(import_module(module), name).__name__ == new


def test_help_needs_neither_numpy_nor_gymnasium() -> None:
    import subprocess
    import sys

    modules = sorted({ref.target.split(":")[0] for ref in DOMAIN.tasks})
    code = f"import sys, {', '.join(modules)}\nprint(sorted({{'numpy', 'gymnasium', 'numba'}} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
