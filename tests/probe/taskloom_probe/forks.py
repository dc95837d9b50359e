"""A small process that forks workers on request: 10 ms to start one instead of half a second, so many can be killed.

The tests' own process must not fork: by then it may hold JAX, whose threads a forked child would lack.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from taskloom.lifecycle.lifecycle import continue_run
from taskloom.placement.folder import execute_folder
from taskloom.runs import RunLayout
from taskloom.runs.database import NAME

from taskloom_probe.support import environment, load, make_run
from taskloom_probe.tasks import WalkConfig


def _continue(folder: Path) -> None:
    continue_run(load("walk"), RunLayout(folder), quiet=True, report=False)


def _execute(folder: Path) -> None:
    execute_folder(folder, report=False)


def _make(store: Path) -> None:
    make_run(store, "walk", WalkConfig())


def _hold(store: Path) -> None:
    connection = sqlite3.connect(store / NAME, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("DELETE FROM runs")
    time.sleep(60)


_ACTS = {"continue": _continue, "execute": _execute, "make": _make, "hold": _hold}


class Forker:
    """Starts workers by fork from a process that does nothing else.

    Args:
        kind: One of `taskloom_probe.kinds.KINDS`, whose libraries the process has loaded before it forks; empty for none.
    """

    def __init__(self, kind: str = "") -> None:
        self._kind = kind

    def __enter__(self) -> Forker:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "taskloom_probe.forks", self._kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment(),
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self._process.communicate()

    def start(self, act: str, path: Path) -> int:
        """Fork a worker that does one of `_ACTS` with the path, and return its pid."""
        return self._ask(act, str(path))

    def kill(self, pid: int) -> int:
        """Kill a worker and return how it ended: -9, or 0 if it was quicker."""
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def wait(self, pid: int) -> int:
        """Wait for a worker and return how it ended."""
        return self._ask("wait", pid)

    def _ask(self, *words: str | int) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        return int(self._process.stdout.readline())


def _fork(act: str, path: Path) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _ACTS[act](path)
            code = 0
        finally:
            os._exit(code)
    return pid


def _serve(kind: str) -> None:
    if kind:
        from taskloom_probe.kinds import KINDS

        KINDS[kind].warm_up()
    for line in sys.stdin:
        what, value = json.loads(line)
        if what == "wait":
            print(os.waitstatus_to_exitcode(os.waitpid(value, 0)[1]), flush=True)
        else:
            print(_fork(what, Path(value)), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
