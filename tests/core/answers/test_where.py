"""What a command names keeps its meaning: relative paths count from the folder in which the command began."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import taskloom as tl
from cases_tasks import Tasks, done

Plugin = Callable[..., Tasks]

WANDER = """
import os
from taskloom import Config, Result, RunContext

class One(Config):
    to: str = "/"

    def run(self, ctx: RunContext) -> Result:
        os.chdir(self.to)
        ctx.artifact("note.txt").write_text("here")
        return Result({"x": 1.0})
"""


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders: where commands begin, and where their task goes."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    return here, there


@pytest.mark.parametrize("executor", ["inline", "local"])
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_task_that_changes_directory_moves_no_record(
    plugin: Plugin, places: tuple[Path, Path], command: str, executor: str
) -> None:
    here, there = places
    tasks = plugin("wandering", WANDER)
    words = ("wandering", "one", f"--to={there}", f"--executor={executor}", "--store=runs")
    seeds = ("--seed=0:3",) if command == "sweep" else ()
    done(tasks.call(command, *words, *seeds, cwd=here))
    records = [path.parent for path in here.glob("runs/*/run.json")]
    assert len(records) == (3 if command == "sweep" else 1)
    assert all((folder / "artifacts" / "note.txt").exists() for folder in records)
    assert not list(there.iterdir())


def test_python_comes_back_to_its_working_directory(
    plugin: Plugin, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = places
    plugin("wandering", WANDER)
    monkeypatch.chdir(here)
    options = tl.RunOptions(store=Path("runs"), quiet=True)
    run = tl.run("wandering/one", to=str(there), options=options)
    swept = tl.sweep("wandering/one", {"seed": range(1, 3)}, options=options, to=str(there))
    assert Path.cwd() == here
    assert {item.dir.parent for item in (run, *swept.runs)} == {here / "runs"}


@pytest.mark.parametrize("option", ["--store=", "variable"])
def test_an_empty_store_is_the_default_one(
    plugin: Plugin, places: tuple[Path, Path], option: str
) -> None:
    here, _ = places
    tasks = plugin("wandering", WANDER)
    words = () if option == "variable" else (option,)
    done(tasks.call("run", "wandering", "one", *words, cwd=here, TASKS_STORE=""))
    listed = done(tasks.call("runs", "ls", *words, cwd=here, TASKS_STORE=""))
    assert [path.name for path in here.iterdir()] == ["runs"]
    assert "wandering/one" in listed.stdout


def test_this_folder_can_be_a_store(plugin: Plugin, places: tuple[Path, Path]) -> None:
    here, _ = places
    done(plugin("wandering", WANDER).call("run", "wandering", "one", "--store=.", cwd=here))
    assert list(here.glob("*/run.json"))
    assert os.getcwd() != "/"
