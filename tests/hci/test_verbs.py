"""What can be done under `tasks hci`."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from taskloom.errors import ConfigError, StoreError, UnknownNameError, UsageError
from taskloom_hci.batch.episodes import load
from taskloom_hci.batch.play import play as play_games
from taskloom_hci.shipped import make_bundle
from taskloom_hci.verbs.play import play
from taskloom_hci.verbs.sample import sample


def test_sample_saves_what_is_played(tmp_path: Path, capsys: Any) -> None:
    sample("pointing", 20, tmp_path / "d.npz", ["assistant=big", "user.error_rate=0.1"], 5)
    expected = play_games(
        make_bundle(
            "pointing",
            seed=5,
            assistant={"kind": "big"},
            user={"kind": "careful", "error_rate": 0.1},
        ),
        20,
    )
    assert load(tmp_path / "d.npz").digest() == expected.digest()
    assert "20 episodes" in capsys.readouterr().out
    sample("example", 3, tmp_path / "d.jsonl", None, 0)
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert {row["episode"] for row in rows} == {0, 1, 2}


@pytest.mark.parametrize(
    ("task", "out", "param", "error", "words"),
    [
        ("pointin", "d.npz", [], UnknownNameError, "Did you mean 'pointing'"),
        ("pointing", "d.csv", [], UsageError, "npz or .jsonl"),
        ("pointing", "no/d.npz", [], StoreError, "does not exist"),
        ("pointing", "d.npz", ["cells"], UsageError, "NAME=VALUE"),
        ("pointing", "d.npz", ["user=memory"], ConfigError, "plays the teaching task"),
        ("pointing", "d.npz", ["cells=x"], UsageError, "cells"),
    ],
)
def test_bad_words_are_one_sentence(
    tmp_path: Path, task: str, out: str, param: list[str], error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        sample(task, 3, tmp_path / out, param, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_person_can_be_the_user(monkeypatch: Any, capsys: Any) -> None:
    bundle = make_bundle("pointing", seed=3)
    bundle.reset()
    start, goal = int(bundle.task.state["position"]), int(bundle.user.state["goal"])
    moves = ["1" if goal > start else "-1"] * abs(goal - start)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(["7", "what", *moves, "0"]) + "\n"))
    play("pointing", None, 3, 1)
    out = capsys.readouterr().out
    assert out.count("not possible") == 2
    assert f"done after {abs(goal - start) + 1} rounds, return -{abs(goal - start) + 1}" in out


def test_a_person_may_stop(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    play("pointing", ["assistant=none"], 3, 2)
    assert capsys.readouterr().out.endswith("stopped\n")


def test_verbs_are_functions_that_typer_understands() -> None:
    from importlib import import_module

    from taskloom_hci.domain import DOMAIN

    for verb in DOMAIN.verbs:
        module, name = verb.target.split(":")
        app = typer.Typer()
        app.command()(getattr(import_module(module), name))
        assert typer.main.get_command(app).params
