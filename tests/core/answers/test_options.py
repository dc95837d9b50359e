"""Devices that a run is given, and parameters that are called like an option."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cases_tasks import Answer, Tasks
from taskloom.runs.locks import acquire

DEVICE = """
from taskloom import Config, Result, RunContext

class One(Config):
    def run(self, ctx: RunContext) -> Result:
        import jax
        return Result({"gpus": float(ctx.resources.gpus)})
"""
NAMED = """
from typing import Annotated, Literal
from taskloom import Component, Config, OneOf, Result, RunContext

class Part(Component):
    pass

class Small(Part):
    kind: Literal["small"] = "small"
    width: int = 1

class Big(Part):
    kind: Literal["big"] = "big"
    height: int = 2

class One(Config):
    file: str = "a"
    store: str = "b"
    quiet: bool = False
    jobs: int = 1
    optimize: Annotated[Part, OneOf("named.parts")] = Small()
    config: str = "c"

    def run(self, ctx: RunContext) -> Result:
        return Result({"jobs": float(self.jobs), "quiet": float(self.quiet)})
"""


def _say(tasks: Tasks, forks: Callable[..., Answer], here: Path) -> Callable[..., Answer]:
    settings = {name: tasks.environment[name] for name in ("PYTHONPATH", "TASKS_STORE")}
    return lambda *words: forks(*words, cwd=here, **settings)


@pytest.mark.parametrize("library", ["jax", "another"])
def test_a_device_that_is_given_makes_another_run_where_a_library_can_use_it(
    plugin: Callable[..., Tasks], forks: Callable[..., Answer], tmp_path: Path, library: str
) -> None:
    source = DEVICE.replace("import jax", f"import {library}")
    say = _say(plugin("device", source, **{library: ""}), forks, tmp_path)

    def ask(*words: str) -> tuple[float, bool, str]:
        answer = say("run", "device", "one", *words, "--json")
        told = json.loads(answer.stdout)
        return told["metrics"]["gpus"], told["reused"], answer.stderr

    matters = library == "jax"
    assert ask()[:2] == (0.0, False)
    given = ask("--gpus=1")
    assert given[:2] == ((1.0, False) if matters else (0.0, True))
    assert ("device cpu -> cuda" in given[2]) == matters
    assert ask()[:2] == (0.0, True)
    assert ask("--gpus=2")[1]


def test_a_parameter_may_be_called_like_an_option(
    plugin: Callable[..., Tasks], forks: Callable[..., Answer], tmp_path: Path
) -> None:
    points = "\n[named.parts]\nsmall = named_case:Small\nbig = named_case:Big\n"
    tasks = plugin("named", NAMED)
    (entry,) = Path(tasks.environment["PYTHONPATH"]).glob("*.dist-info/entry_points.txt")
    entry.write_text(entry.read_text() + points)
    say = _say(tasks, forks, tmp_path)
    words = ["--param", "file=x", "--param=store=y", "--param", "quiet=true", "--param", "config=z"]
    told = say("run", "named", "one", *words, "--param", "optimize=big", "--print-config", "--json")
    assert told.returncode == 0, told.stderr
    config = json.loads(told.stdout)
    assert (config["file"], config["store"], config["config"]) == ("x", "y", "z")
    assert (config["quiet"], config["optimize"]) == (True, {"kind": "big", "height": 2})
    plan = tmp_path / "plan.toml"
    plan.write_text("[parameters]\njobs = [1, 2]\n")
    swept = ["--file", str(plan), "--param", "file=x,y", "--param", "optimize=small,big"]
    answer = say("sweep", "named", "one", *swept, "--optimize.height=3", "--dry-run", "--json")
    assert answer.returncode == 0, answer.stderr
    found = [point["config"] for point in json.loads(answer.stdout)]
    assert len(found) == 8
    assert {(item["file"], item["jobs"]) for item in found} == {
        (file, jobs) for file in "xy" for jobs in (1, 2)
    }


PRINTING = """
import os
from pydantic import SecretStr
from taskloom import Config, Finding, Result, RunContext

class One(Config):
    key: SecretStr = SecretStr("none")
    fails: bool = False

class Made:
    def __init__(self, config: One) -> None:
        self.config = config
        print("made with", config.key.get_secret_value(), flush=True)
        os.system("echo child of the constructor")
        if config.fails:
            raise ValueError("cannot be made")

    def check(self) -> list[Finding]:
        print("checked")
        return []

    def run(self, ctx: RunContext) -> Result:
        print("ran with", self.config.key.get_secret_value())
        return Result({"x": 1.0})

def make(config: One) -> Made:
    return Made(config)
"""


@pytest.mark.parametrize(
    "words", [("run",), ("sweep", "--executor=inline"), ("sweep", "--executor=local")]
)
def test_what_a_task_prints_while_it_is_made_is_kept(
    plugin: Callable[..., Tasks],
    forks: Callable[..., Answer],
    tmp_path: Path,
    words: tuple[str, ...],
) -> None:
    tasks = plugin("printing", PRINTING, like="make")
    say = _say(tasks, forks, tmp_path)
    command, *options = words
    answer = say(command, "printing", "one", "--key=hush-hush-42", *options, "--json")
    assert answer.returncode == 0, answer.stderr
    json.loads(answer.stdout)
    (kept,) = Path(tasks.environment["TASKS_STORE"]).glob("*/output.txt")
    lines = kept.read_text().splitlines()
    assert lines == [
        "made with <secret>",
        "child of the constructor",
        "checked",
        "ran with <secret>",
    ]
    refused = say("run", "printing", "one", "--fails", "--json")
    assert "made with none" in refused.stderr
    assert "cannot be made" in json.loads(refused.stdout)["error"]["message"]


def test_what_other_ranks_print_is_kept_with_their_number(
    plugin: Callable[..., Tasks], forks: Callable[..., Answer], tmp_path: Path
) -> None:
    tasks = plugin("printing", PRINTING, like="make")
    say = _say(tasks, forks, tmp_path)
    folder = say("run", "printing", "one", "--prepare").stdout.strip()
    ranks = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    held = acquire(Path(folder) / "lock")  # as rank 0 does, which the other waits for
    held.tell("")
    for rank in ("1", "0"):
        if rank == "0":
            held.release()
        done = subprocess.run(
            [sys.executable, "-m", "taskloom.execute", folder],
            env={**os.environ, **ranks, "RANK": rank},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    lines = (Path(folder) / "output.txt").read_text().splitlines()
    printed = ["made with none", "child of the constructor", "checked", "ran with none"]
    assert lines == [f"[rank 1] {line}" for line in printed if line != "checked"] + printed
