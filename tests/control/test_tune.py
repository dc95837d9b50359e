"""`tasks control tune` as it is typed: what it writes, what it looks at, and which plants it plays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.opening import open_task
from taskloom_control.bench.episodes import play
from taskloom_control.bench.plants import on_drawn_plants
from taskloom_control.bench.variants import settings_digest
from taskloom_control.closed_loop.ledger import Ledger
from taskloom_control.closed_loop.seeds import TUNING


def test_tune_writes_a_config_and_looks_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("control", "tune", "double_integrator", "--trials=4", "--episodes=2", "--seconds=1")
    spoiled = ("--optimizer.sigma=0.002",)
    given = (
        *words,
        *spoiled,
        "--test-episodes=2",
        "--steps-per-second=9600",
        "--search=optimizer,sigma",
    )
    assert main((*given, f"--ledger={tmp_path}")) == 0
    shown = capsys.readouterr().out
    assert "tuning figures, no result" in shown
    assert "2 test seeds of 0.1.0, look 1" in shown
    bench = ("control", "bench", "double_integrator", "--seeds=0-1", "--against=tuned.toml")
    assert main((*bench, f"--ledger={tmp_path}")) == 0
    assert "2 seeds 0-1, no result" in capsys.readouterr().out
    assert len(Ledger(tmp_path).looks("control/double_integrator", "0.1.0")) == 1
    assert main((*words, "--budget-ms=1", "--steps-per-second=9")) == 2
    assert "give one of them" in capsys.readouterr().err


def test_tune_plays_drawn_plants_where_a_level_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search and its look play the plants that `bench` draws for the same seeds."""
    monkeypatch.chdir(tmp_path)
    words = (
        "control",
        "tune",
        "double_integrator",
        "--seconds=0.4",
        "--search=sigma",
        "--trials=2",
    )
    words = (*words, "--optimizer.sigma=0.002", "--episodes=2", "--test-episodes=2")

    def costs(level: str) -> dict[int, set[float]]:
        folder = tmp_path / level
        assert main((*words, f"--level={level}", f"--ledger={folder}")) == 0
        lines = (folder / "episodes.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return {seed: {row["cost"] for row in rows if row["seed"] == seed} for seed in TUNING[:2]}

    own, drawn = costs("0"), costs("1.5")
    assert all(own[seed].isdisjoint(drawn[seed]) for seed in own)
    task = on_drawn_plants(
        open_task("control/double_integrator", {"seconds": 0.4, "optimizer.sigma": 0.002}), 1.5
    )
    for seed in TUNING[:2]:
        assert play(task, settings_digest(task), seed).cost in drawn[seed]
    # What is written plans for the model: the plants are no part of it.
    assert (
        main(("run", "control", "double_integrator", "--config=tuned.toml", "--seconds=0.1")) == 0
    )
    assert "drawn at level 1.5" in capsys.readouterr().out
    assert main((*words, "--level=-1")) == 2
