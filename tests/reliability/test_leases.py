"""A holder that was stopped for longer than its lease: another one finishes the run, and the first publishes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from taskloom.runs import Run, RunLayout
from taskloom_probe.support import environment, lines, make_run, wait_until
from taskloom_probe.tasks import WaitConfig, WalkConfig
from tests_sizes import size

STEPS = 40
# A short lease; and, for the second process, what a process of another machine knows of the first: nothing.
HERE = """
import sys
from taskloom.runs import holders, locks
holders.LEASE = locks.LEASE = {lease}
locks.HEARTBEAT = {lease} / 3
from taskloom.cli import main
"""
ELSEWHERE = """
import socket
socket.gethostname = lambda: "elsewhere"
holders.process_space = lambda: "elsewhere"
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store.toml").write_text('locks = "lease"\n')
    return tmp_path


def start(layout: RunLayout, more: str = "") -> subprocess.Popen[str]:
    lease = size("lease_seconds") / 100
    words = ["resume", layout.dir.name, "--store", str(layout.dir.parent)]
    code = HERE.format(lease=lease) + more + f"sys.exit(main({words}))"
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment(), stderr=subprocess.PIPE, text=True
    )


def published(layout: RunLayout) -> dict[str, bytes]:
    """Return what a reader sees of the run, its log apart."""
    names = ("run.json", "metrics.jsonl", "checkpoints", "artifacts", "report.html", "lock")
    found = {}
    for name in names:
        place = layout.dir / name
        for path in [place, *place.rglob("*")]:
            if path.is_file():
                found[str(path.relative_to(layout.dir))] = path.read_bytes()
    return found


@pytest.mark.usefixtures("probe_domain")
def test_stopped_holder_publishes_nothing_after_another_one_took_the_run(store: Path) -> None:
    layout = make_run(store, "walk", WalkConfig(steps=STEPS, every=3, pause=0.02))
    first = start(layout)
    wait_until(lambda: lines(layout) >= 8)
    first.send_signal(signal.SIGSTOP)
    second = start(layout, ELSEWHERE)
    assert second.wait(60 + 3 * size("lease_seconds") / 100) == 0, second.communicate()[1]
    assert Run(layout.dir).status == "finished"
    before = published(layout)
    time.sleep(0.1)
    first.send_signal(signal.SIGCONT)
    told = first.communicate(timeout=300)[1]
    assert first.returncode == 5, told
    assert f"The run {layout.dir.name} was taken over by" in told
    assert published(layout) == before
    assert Run(layout.dir).metrics["steps"] == STEPS
    aside = layout.dir / ".superseded-1"
    assert str(aside) in told
    assert (aside / "run.json").exists()
    second.communicate()


@pytest.mark.usefixtures("probe_domain")
def test_file_in_the_folder_asks_a_run_to_stop(store: Path) -> None:
    layout = make_run(store, "wait", WaitConfig(seconds=30.0))
    with start(layout) as worker:
        wait_until(lambda: lines(layout) >= 1)
        layout.stop.touch()
        worker.communicate(timeout=300 + size("lease_seconds") / 100)
    assert worker.returncode == 143
    assert Run(layout.dir).status == "stopped"
    assert not layout.stop.exists()
