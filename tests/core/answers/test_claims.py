"""At one time one process computes one identity; a repeated command continues what was interrupted, and computes nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import taskloom as tl
from cases_tasks import COMMAND, Tasks, done
from taskloom.errors import StoreLockedError
from taskloom.runs import claims, list_runs
from tests_sizes import size

Plugin = Callable[..., Tasks]

SLOW = """
import time
from taskloom import Config, Result, RunContext

class One(Config):
    seconds: float = 0.5

    def run(self, ctx: RunContext) -> Result:
        time.sleep(self.seconds)
        return Result({"x": 1.0})
"""
STEPS = """
import time
from pathlib import Path
from taskloom import Config, Result, RunContext

class One(Config):
    def run(self, ctx: RunContext) -> Result:
        return self.go(ctx, 0)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        return self.go(ctx, int((checkpoint / "step").read_text()))

    def go(self, ctx, step):
        while step < 20:
            step += 1
            time.sleep(0.03)
            ctx.log(step, x=float(step * self.seed))
            if step % 4 == 0:
                with ctx.checkpoint(step) as folder:
                    (folder / "step").write_text(str(step))
        return Result({"x": float(step * self.seed)})
"""
NESTED = """
import subprocess, sys
import taskloom as tl
from taskloom import Config, Result, RunContext
from taskloom.errors import TaskloomError

class One(Config):
    depth: int = 0
    outside: bool = False

    def run(self, ctx: RunContext) -> Result:
        if self.outside:
            command = "import sys; from taskloom.cli import main; sys.exit(main(sys.argv[1:]))"
            words = ["run", "nested", "one", "--depth=1", "--outside=true"]
            done = subprocess.run([sys.executable, "-c", command, *words], capture_output=True, text=True)
            return Result({"code": float(done.returncode)}, summary=done.stderr.strip()[-300:])
        options = tl.RunOptions(quiet=True)
        if self.depth == 2:
            return Result({"x": float(tl.run("nested/one", depth=3, options=options).metrics["x"])})
        if self.depth == 1:
            tl.run("nested/one", depth=1, options=options)
        return Result({"x": 7.0})
"""
FAILING = """
from taskloom import Config, Result, RunContext

class One(Config):
    def run(self, ctx: RunContext) -> Result:
        if self.seed == 0:
            raise ValueError("never")
        return Result({"x": float(self.seed)})
"""


def test_equal_commands_at_once_are_one_run(plugin: Plugin) -> None:
    tasks, count = plugin("slow", SLOW), size("equal_commands")
    words = ["run", "slow", "one", "--json"]
    all_of_them = [
        subprocess.Popen(
            [COMMAND, *words], env=tasks.environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in all_of_them]
    assert [process.returncode for process in all_of_them] == [0] * count
    assert len(tasks.records()) == 1
    assert sorted(item["reused"] for item in told) == [False] + [True] * (count - 1)


def test_a_claim_frees_itself_and_is_never_held_twice(tmp_path: Path) -> None:
    first = claims.take(tmp_path, "a" * 64)
    assert first is not None
    assert first.is_first
    first.name("run-1")
    assert claims.take(tmp_path, "a" * 64) is None
    held = claims.holder(tmp_path, "a" * 64)
    assert held is not None
    assert (held.pid, held.run) == (os.getpid(), "run-1")
    assert claims.clear(tmp_path, age=0.0) == 0
    first.release()
    assert claims.holder(tmp_path, "a" * 64) is None
    with claims.take(tmp_path, "a" * 64) as again:  # type: ignore[union-attr]  # it is free
        assert not again.is_first
    assert claims.clear(tmp_path) == 0
    assert claims.clear(tmp_path, age=0.0) == 1
    assert list((tmp_path / ".claims").iterdir()) == []


@pytest.mark.parametrize(("word", "code"), [("skip", 0), ("fail", 5)])
def test_what_another_process_computes_is_skipped_or_refused(
    plugin: Plugin, word: str, code: int
) -> None:
    tasks = plugin("slow", SLOW)
    with tasks.start("run", "slow", "one", "--seconds=600"):
        end = time.monotonic() + 60
        while not tasks.records() and time.monotonic() < end:
            time.sleep(0.05)
        answer = tasks.call("run", "slow", "one", "--seconds=600", f"--claimed={word}", "--json")
        assert answer.returncode == code
        assert "process" in answer.stderr
        if word == "skip":
            assert "process" in json.loads(answer.stdout)["claimed"]
    assert len(tasks.records()) == 1


def test_a_run_does_not_wait_for_itself(plugin: Plugin) -> None:
    plugin("nested", NESTED)
    options = tl.RunOptions(quiet=True)
    with pytest.raises(StoreLockedError, match="cannot wait for itself"):
        tl.run("nested/one", depth=1, options=options)
    # Another question is answered inside a run, and so is one that has been answered before.
    assert tl.run("nested/one", depth=2, options=options).metrics["x"] == 7.0
    outer = tl.run("nested/one", depth=1, outside=True, options=options)
    assert outer.metrics["code"] == 5.0
    assert "cannot wait for itself" in outer.summary


def test_a_sweep_whose_group_is_killed_again_and_again_runs_every_point_once(
    plugin: Plugin,
) -> None:
    tasks, draw = plugin("steps", STEPS), random.Random(3)
    words = ["sweep", "steps", "one", "--seed=0:4", "--jobs=2", "--json"]
    for _ in range(size("group_kills")):
        process = subprocess.Popen(
            [COMMAND, *words],
            env=tasks.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(draw.uniform(0.8, 2.5))
        _kill_family(process.pid)
        process.wait()
    answer = done(tasks.run(*words))
    records = [json.loads((folder / "run.json").read_text()) for folder in tasks.records()]
    assert sorted((item["config"]["seed"], item["status"]) for item in records) == [
        (seed, "finished") for seed in range(4)
    ]
    told = {row["config"]["seed"]: row["metrics"] for row in json.loads(answer.stdout)["runs"]}
    assert told == {seed: {"x": 20.0 * seed} for seed in range(4)}
    for run in list_runs(tasks.store):
        seed = run.config["seed"]
        rows = [(row["step"], row["x"]) for row in run.history()]
        assert rows == [(float(step), float(step * seed)) for step in range(1, 21)]


def _kill_family(pid: int) -> None:
    """Kill a process and all that it started: the zygote has a group of its own."""
    table = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in table.stdout.splitlines()[1:]]
    family = [str(pid)]
    for member in family:
        family.extend(child for child, parent in pairs if parent == member)
    for member in family:
        try:
            os.kill(int(member), signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_point_that_always_fails_keeps_no_other_from_its_turn(plugin: Plugin) -> None:
    tasks = plugin("failing", FAILING)
    words = ("sweep", "failing", "one", "--seed=0:3", "--executor=inline", "--fail-fast")
    assert tasks.call(*words).returncode == 1
    (sweep,) = tasks.store.glob("*/sweep.json")
    assert len(tasks.records()) == 1
    assert tasks.call("resume", sweep.parent.name).returncode == 1
    runs = {run.config["seed"]: run for run in list_runs(tasks.store)}
    assert {seed: run.status for seed, run in runs.items()} == {
        **{0: "failed", 1: "finished"},
        2: "finished",
    }
    assert runs[0].record.attempts == 2


def test_repeated_runs_are_never_run_again(plugin: Plugin, tmp_path: Path) -> None:
    source = SLOW.replace(
        "seconds: float = 0.5", "seconds: float = 0.0\n    path: Path = Path('data')"
    )
    plugin("slow", source.replace("import time", "import time\nfrom pathlib import Path"))
    data = tmp_path / "data"
    data.write_text("1")
    options = tl.RunOptions(quiet=True)
    first = tl.run("slow/one", path=data, options=options)
    for number in range(size("repeated_runs")):
        if number % 10 == 0:
            os.utime(data)  # the content decides
        again = tl.run("slow/one", path=data, options=options)
        assert (again.id, again.reused, again.stale) == (first.id, True, ())


@pytest.mark.parametrize("kind", ["pipe", "link", "huge", "deep"])
def test_a_note_that_is_no_note_says_nothing_of_the_holder(tmp_path: Path, kind: str) -> None:
    claim = claims.take(tmp_path, "a" * 64)
    assert claim is not None
    note = next(path for path in (tmp_path / claims.FOLDER).iterdir() if path.suffix == ".json")
    text = note.read_text()
    note.unlink()
    if kind == "pipe":
        os.mkfifo(note)
    elif kind == "link":
        (tmp_path / "elsewhere").write_text(text)
        note.symlink_to(tmp_path / "elsewhere")
    else:
        note.write_text(text + " " * (1 << 26) if kind == "huge" else "[" * 100_000)
    assert claims.holder(tmp_path, "a" * 64) == claims.Holder()
    claim.release()
