"""The command line: a run, its report, its replay, and a check."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from taskloom.arrays import load_npz, save_npz
from taskloom.cli import main
from taskloom.errors import CheckFailedError, UsageError
from taskloom.lifecycle.lifecycle import run_task
from taskloom.opening import open_run, task_of
from taskloom.params import resolve
from taskloom.registry import find_task, load_task
from taskloom.report.model import Chart, Fold, Image as Picture, Table
from taskloom.request import RunOptions
from taskloom.runs import Run
from taskloom_control.closed_loop.trajectory import trajectory_hash
from taskloom_control.domain import DOMAIN
from taskloom_control.report.section import report
from taskloom_control.verbs.replay import replay


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    loaded = load_task(find_task("control", "cartpole"))
    arguments = {"seconds": 1.0, "record.fan_every": 5, "controller.spline": "linear"}
    config = resolve(loaded.config_class, environ={}, arguments=arguments).config
    return run_task(loaded, config, RunOptions(store=tmp_path_factory.mktemp("store"), quiet=True))


def replayed(run: Run) -> None:
    replay(run, task_of(run))  # type: ignore[arg-type]  # a control run was made by a control task


def test_run_leaves_a_trajectory_and_its_hash(finished: Run) -> None:
    arrays = load_npz(finished.artifacts["trajectory"])
    assert arrays["qpos"].shape == (26, 2)
    assert arrays["control"].shape == (25, 1)
    assert arrays["plan_seconds"].shape == (25,)
    facts = json.loads(finished.artifacts["hash"].read_text())
    columns = {
        "qpos": ["slide", "hinge"],
        "qvel": ["slide", "hinge"],
        "control": ["target"],
        "trace": ["cart", "tip"],
    }
    assert facts == {
        "sha256": trajectory_hash(arrays),
        "steps": 25,
        "plans": 25,
        "columns": columns,
    }


def test_hash_ignores_wall_clock_times_and_nothing_else(finished: Run) -> None:
    arrays = load_npz(finished.artifacts["trajectory"])
    digest = trajectory_hash(arrays)
    slower = {**arrays, "plan_seconds": 2 * arrays["plan_seconds"]}
    assert trajectory_hash(slower) == digest
    other = {**arrays, "qpos": arrays["qpos"].copy()}
    other["qpos"][7, 1] = np.nextafter(other["qpos"][7, 1], 9.0)
    assert trajectory_hash(other) != digest


def test_replay_reaches_the_same_hash(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("control", "replay", str(finished.dir))) == 0
    assert "replays to the same trajectory: 25 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    "kind", [ref.name for ref in DOMAIN.components["taskloom_control.optimizers"]]
)
def test_run_of_every_optimizer_replays_to_the_same_hash(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_task(find_task("control", "cartpole"))
    arguments = {
        "seconds": "0.32",
        "record.animation": "false",
        "optimizer": kind,
        "controller.iterations": "2",
        "engine": "serial",
    }
    config = resolve(loaded.config_class, environ={}, arguments=arguments).config
    run = run_task(loaded, config, RunOptions(store=tmp_path, quiet=True))
    replayed(run)
    assert "replays to the same trajectory: 8 steps" in capsys.readouterr().out


def test_replay_tells_where_a_changed_run_differs(finished: Run) -> None:
    path, facts = finished.artifacts["trajectory"], finished.artifacts["hash"]
    original, told = load_npz(path), facts.read_text()
    changed = {**original, "qpos": original["qpos"].copy()}
    changed["qpos"][9, 0] += 1e-12
    try:
        save_npz(path, changed)
        facts.write_text(json.dumps({"sha256": trajectory_hash(changed), "steps": 25, "plans": 25}))
        with pytest.raises(
            CheckFailedError, match=r"did something else: 'qpos' differs first in row 9"
        ):
            replayed(finished)
    finally:
        save_npz(path, original)
        facts.write_text(told)


def test_check_finds_nothing_wrong_with_a_shipped_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("control", "check", "cartpole", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert {f["level"] for f in found} == {"info"}


def test_report_shows_the_loop_the_search_and_the_fan(finished: Run) -> None:
    blocks = report(finished)
    assert [b.title for b in blocks if isinstance(b, Fold)] == ["Closed loop", "Planning"]
    captions = [b.caption for b in blocks if isinstance(b, Chart)]
    for word in (
        "Positions",
        "Velocities",
        "Controls",
        "Cost of each simulated step",
        "control period is 40 ms",
        "candidates",
    ):
        assert any(word in caption for caption in captions), word
    tables = [row[0] for b in blocks if isinstance(b, Table) for row in b.rows]
    assert "solved" in tables
    assert "planning time, median [ms]" in tables
    assert any(isinstance(b, Picture) for b in blocks)


def test_the_headline_sets_the_cost_beside_the_same_start_at_rest(finished: Run) -> None:
    headline = finished.headline
    assert headline is not None
    assert headline.baseline is not None
    rest = load_npz(finished.artifacts["baseline"])
    assert headline.value == finished.metrics["cost"]
    assert headline.baseline.value == pytest.approx(float(rest["cost"].mean()))
    # One episode has no interval: it is solved or not, and never better or worse.
    assert headline.verdict == ("solved" if finished.metrics["success"] else "unsolved")
    assert headline.no_interval == "one episode"


def test_animation_moves_in_real_time(finished: Run) -> None:
    with Image.open(finished.artifacts["animation"]) as picture:
        frames, pause = picture.n_frames, picture.info["duration"]
        first = np.asarray(picture.convert("RGB"))
        picture.seek(frames - 1)
        assert (np.asarray(picture.convert("RGB")) != first).any()
    assert frames * pause == pytest.approx(1000, rel=0.2)


def test_replay_of_a_run_without_a_trajectory_is_refused(finished: Run, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / finished.id
    shutil.copytree(finished.dir, copy)
    (copy / "artifacts" / "trajectory.npz").unlink()
    with pytest.raises(UsageError, match="left no trajectory to compare with"):
        replayed(open_run(copy))
