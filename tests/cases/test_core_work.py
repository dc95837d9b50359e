"""One identity is computed once, is continued where it stopped, and stays in the store that was named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cases_tasks import Tasks
from cases_verdict import verdict
from tests_sizes import size

Plugin = Callable[..., Tasks]

SLOW = """
import time
from taskloom import Config, Result, RunContext

class Slow(Config):
    def run(self, ctx: RunContext) -> Result:
        time.sleep({seconds})
        return Result({{"x": 1.0}})
"""
LONG = """
import time
from pathlib import Path
from taskloom import Config, Result, RunContext

class Long(Config):
    def run(self, ctx: RunContext) -> Result:
        return self.go(ctx, 0)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        return self.go(ctx, int((checkpoint / "step").read_text()))

    def go(self, ctx, step):
        while step < 120:
            step += 1
            time.sleep(0.05)
            ctx.log(step, x=float(step))
            if step % 10 == 0:
                with ctx.checkpoint(step) as folder:
                    (folder / "step").write_text(str(step))
        return Result({"x": float(step)})
"""
WANDER = """
import os
from taskloom import Config, Result, RunContext

class Wander(Config):
    to: str = "/"

    def run(self, ctx: RunContext) -> Result:
        os.chdir(self.to)
        return Result({"x": 1.0})
"""
# Publishes the checkpoint of step 0 in the folder, then again, and dies before the rename of that number.
DYING = """
import os, sys
from pathlib import Path
from taskloom.runs import checkpoints

place, last = Path(sys.argv[1]), int(sys.argv[2])
with checkpoints.publish(place, 0, {}) as inside:
    (inside / "state").write_text("one")
renames = []

def watch(event, arguments):
    if event == "os.rename":
        renames.append(arguments)
        if len(renames) == last:
            os._exit(9)

sys.addaudithook(watch)
with checkpoints.publish(place, 0, {}) as inside:
    (inside / "state").write_text("two")
"""


def test_checkpoint_of_the_same_step(tmp_path: Path) -> None:
    """Leaves the old checkpoint or the new one, whichever rename the process dies before, and clearing up keeps it."""
    from taskloom.runs import checkpoints

    worst = ""
    for last in range(1, 5):
        place = tmp_path / f"checkpoints-{last}"
        words = [sys.executable, "-c", DYING, str(place), str(last)]
        dead = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert dead.returncode in (0, 9), dead.stderr
        newest = checkpoints.newest_good(place)
        checkpoints.sweep_leftovers(place)
        left = sorted(os.listdir(place))
        if newest is None or not left:
            worst = worst or f"newest {newest and newest.dir.name}, left {left}"
    verdict(not worst, worst, "a checkpoint, and left a folder")


@pytest.mark.slow
def test_twice_at_the_same_time(plugin: Plugin) -> None:
    """Makes 1 run, and 3 for the sweep: of two identical commands one computes, the other waits or refuses.

    Compare treeverse/dvc#10673.
    """
    tasks = plugin("waiting", SLOW.format(seconds=size("slow_task_seconds")), one="Slow")
    made = []
    for words in (
        ("run", "waiting", "one", "--seed=9"),
        ("sweep", "waiting", "one", "--seed=0:3", "--executor=inline"),
    ):
        before = len(tasks.records())
        with ThreadPoolExecutor(2) as pool:
            for answer in pool.map(lambda _, words=words: tasks.run(*words), range(2)):
                assert "Traceback" not in answer.stderr
        made.append(len(tasks.records()) - before)
    verdict(made == [1, 3], made, [1, 3])


def _with_checkpoints(tasks: Tasks) -> set[str]:
    """Return the names of the runs that have a checkpoint."""
    return {path.parents[1].name for path in tasks.store.glob("*/checkpoints/0*")}


def _kill_with_children(root: int) -> None:
    listing = subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    parents = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    family = [root]
    for member in family:
        family.extend(pid for pid, parent in parents if parent == member)
    for member in family:
        os.kill(member, signal.SIGKILL)


@pytest.mark.slow
def test_sweep_command_repeated(plugin: Plugin) -> None:
    """Continues both interrupted runs, or says how: a job script gives the same command again.

    Compare hydra-ecosystem/hydra#3328 and optuna/optuna#6283.
    """
    tasks = plugin("repeating", LONG, one="Long")
    words = ("sweep", "repeating", "one", "--seed=0:2", "--jobs=2")
    with tasks.start(*words) as process:
        while process.poll() is None and len(_with_checkpoints(tasks)) < 2:
            time.sleep(0.1)
        assert process.poll() is None, "the sweep ended before it could be killed"
        _kill_with_children(process.pid)
    time.sleep(1)
    answer = tasks.run(*words)
    runs = [json.loads((folder / "run.json").read_text()) for folder in tasks.records()]
    found = sorted((run["status"], run["attempts"]) for run in runs)
    is_told = answer.returncode != 0 and "resume" in answer.stderr and "defect" not in answer.stderr
    verdict(
        found == [("finished", 2)] * 2 or (is_told and len(found) == 2),
        found,
        "[('finished', 2), ('finished', 2)], or a refusal that says how to resume",
    )


def test_task_that_changes_directory(plugin: Plugin, tmp_path: Path) -> None:
    """Ends with exit code 0, 3 runs in the store that was named and 0 where the task went."""
    tasks = plugin("wandering", WANDER, off="Wander")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    words = ("--seed=0:3", "--executor=inline", "--store=runs")
    answer = tasks.run("sweep", "wandering", "off", f"--to={there}", *words, cwd=here)
    counts = [len(list(place.glob("runs/*/run.json"))) for place in (here, there)]
    found = (answer.returncode, *counts)
    verdict(found == (0, 3, 0), found, (0, 3, 0))
