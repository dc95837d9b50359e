"""Shared pieces: command lines in forks of one process that has imported the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cases_tasks import Answer
from own_network import in_own_network


@dataclass
class Forks:
    """Commands in children of one process that has imported core alone.

    Attributes:
        process: That process.
        place: A folder for what they print.
        variables: The environment of each command.
    """

    process: subprocess.Popen[str]
    place: Path
    variables: dict[str, str]
    count: int = 0

    def __call__(self, *words: str, cwd: Path, **variables: str) -> Answer:
        """Run a command line."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.count += 1
        output = self.place / str(self.count)
        asked = [{**self.variables, **variables}, str(cwd), list(words), str(output)]
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        texts = [output.with_suffix(suffix).read_text() for suffix in (".out", ".err")]
        return subprocess.CompletedProcess(words, code, *texts)


_FORKING = [sys.executable, str(Path(__file__).parent / "answers" / "forking.py")]


@contextmanager
def _started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def _forking() -> Iterator[subprocess.Popen[str]]:
    with _started(_FORKING) as process:
        yield process


_NODE = "127.0.0.1:6399"


@pytest.fixture(scope="session")
def _forking_beside_ray() -> Iterator[subprocess.Popen[str]]:
    """Give the same in a network of its own, with one Ray node for all commands: Ray binds every interface that it finds."""
    # A short path, because sockets lie below it.
    with (
        tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as place,
        _started(in_own_network([*_FORKING, _NODE, place])) as process,
    ):
        yield process


@pytest.fixture
def forks_on_ray(_forking_beside_ray: subprocess.Popen[str], tmp_path: Path) -> Forks:
    """Give a runner of commands that place their runs on the node."""
    variables = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    return _forks(_forking_beside_ray, tmp_path, {"RAY_ADDRESS": _NODE, **variables})


@pytest.fixture
def forks(_forking: subprocess.Popen[str], tmp_path: Path) -> Forks:
    """Give a runner of commands in fresh processes, each at the cost of a fork."""
    return _forks(_forking, tmp_path, {})


def _forks(process: subprocess.Popen[str], tmp_path: Path, more: dict[str, str]) -> Forks:
    place = tmp_path / "printed"
    place.mkdir()
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TASKS_")}
    fixed = {"OMP_NUM_THREADS": "1", "NO_COLOR": "1", "XDG_CONFIG_HOME": str(tmp_path / "home")}
    return Forks(process, place, {**kept, **fixed, **more})
