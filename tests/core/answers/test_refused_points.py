"""Points that are refused: they leave no folder, and the sweep's table tells each with its sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cases_tasks import Answer, Tasks

TASK = """
from pydantic import Field, model_validator
from taskloom import Config, Finding, Result, RunContext

class One(Config):
    a: int = Field(default=1, ge=1, le=9)
    b: int = Field(default=9, ge=1, le=9)

    @model_validator(mode="after")
    def ordered(self):
        if self.a == 3 and self.b == 3:
            raise ValueError("a and b are both 3")
        return self

    def check(self) -> list[Finding]:
        return [Finding("error", "There is no fifth.")] if self.a == 5 else []

    def run(self, ctx: RunContext) -> Result:
        return Result({"x": float(self.a)})

class Made:
    def __init__(self, config: One) -> None:
        self.config = config
        if config.a == 7:
            raise OSError("seven cannot be made")

    def check(self) -> list[Finding]:
        return self.config.check()

    def run(self, ctx: RunContext) -> Result:
        return self.config.run(ctx)

def make(config: One) -> Made:
    return Made(config)
"""


@pytest.fixture
def say(
    plugin: Callable[..., Tasks], forks: Callable[..., Answer], tmp_path: Path
) -> Callable[..., Answer]:
    variables = plugin("rule", TASK, like="make").environment
    settings = {name: variables[name] for name in ("PYTHONPATH", "TASKS_STORE")}

    def call(*words: str) -> Answer:
        return forks(*words, cwd=tmp_path, **settings)

    return call


def _made(store: Path) -> list[str]:
    """Return the names of the folders of runs in a store."""
    return [path.name for path in store.iterdir() if "-rule-one-" in path.name]


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_sweep_tells_what_is_refused_and_keeps_nothing_of_it(
    say: Callable[..., Answer], executor: str, tmp_path: Path
) -> None:
    words = ("sweep", "rule", "one", "--a=5,6,7", f"--executor={executor}", f"--store={tmp_path}/s")
    answer = say(*words)
    assert answer.returncode == 1, answer.stderr
    told = " ".join(answer.stdout.split())  # a table
    assert "a=5 refused There is no fifth." in told
    assert "a=7 refused OSError: seven cannot be made" in told
    kept = [name for name in _made(tmp_path / "s") if "-sweep-" not in name]
    assert len(kept) == 1
    (sweep,) = (tmp_path / "s").glob("*/sweep.json")
    again = say("resume", sweep.parent.name, "--json", f"--store={tmp_path}/s")
    rows = json.loads(again.stdout)["runs"]
    assert [row["status"] for row in rows] == ["refused", "finished", "refused"]
    assert rows[0]["config"]["a"] == 5
    assert [name for name in _made(tmp_path / "s") if "-sweep-" not in name] == kept


def test_a_search_goes_on_past_what_is_refused(say: Callable[..., Answer], tmp_path: Path) -> None:
    pytest.importorskip("optuna")  # an extra, which some environments lack
    words = ("--a=1,3,5", "--b=1,3", "--optimize=x:max", "--trials=12", "--executor=inline")
    answer = say("sweep", "rule", "one", *words, f"--store={tmp_path}/s")
    assert answer.returncode == 1, answer.stderr  # as after any trial that fails
    assert "a=3 b=3 refused " in " ".join(answer.stdout.split())
    assert "a and b are both 3" in answer.stdout
    assert "There is no fifth." in answer.stdout
    kept = [name for name in _made(tmp_path / "s") if "-sweep-" not in name]
    assert all(
        json.loads((tmp_path / "s" / name / "run.json").read_text())["status"] == "finished"
        for name in kept
    )
