"""Many writers, one store: no lock error, no lost run, and one writer for each run."""

import subprocess
import sys
from pathlib import Path

import pytest
from taskloom.runs import list_runs, open_run
from taskloom.runs.index import documents
from taskloom_probe.support import environment, make_run, steps
from taskloom_probe.tasks import WalkConfig


@pytest.mark.slow
def test_32_concurrent_runs_share_one_store_without_a_lock_error(tmp_path: Path) -> None:
    # Two processes of sixteen threads would share locks; sixteen pairs of real workers do not.
    layouts = [
        make_run(tmp_path, "walk", WalkConfig(steps=30, pause=0.05, seed=seed))
        for seed in range(32)
    ]
    code = (
        "import os, sys\n"
        "from taskloom.placement.worker import main\n"
        "from taskloom.placement.folder import execute_folder\n"
        "pids = []\n"
        "for folder in sys.argv[1:]:\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        os._exit(main(['--no-report', folder]))\n"
        "    pids.append(pid)\n"
        "codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]\n"
        "print(codes)\n"
    )
    folders = [str(layout.dir) for layout in layouts]
    done = subprocess.run(
        [sys.executable, "-c", code, *folders],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([0] * 32)
    assert "lock" not in done.stderr.lower()
    runs = list_runs(tmp_path)
    assert [run.status for run in runs] == ["finished"] * 32
    assert all(steps(run) == list(range(1, 31)) for run in runs)
    assert {document["folder"] for document in documents(tmp_path)[0]} == {run.id for run in runs}


def test_eight_processes_race_for_one_run_and_one_wins(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig(steps=40, pause=0.05))
    code = (
        "import os, sys\n"
        "from taskloom.placement.worker import main\n"
        "from taskloom.placement.folder import execute_folder\n"
        "pids = []\n"
        "for _ in range(8):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        os._exit(main(['--no-report', sys.argv[1]]))\n"
        "    pids.append(pid)\n"
        "print(sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(layout.dir)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([0, 5, 5, 5, 5, 5, 5, 5])
    assert done.stderr.count("is held by process") == 7
    run = open_run(str(layout.dir))
    assert (run.status, run.record.attempts) == ("finished", 1)
    assert steps(run) == list(range(1, 41))
