"""Every command with every kind of terminal: closed streams, full disks, readers that have gone, any width, an old locale.

A command is run by `terminals.py`, with the streams as a shell would hand them over. None of them may be called a defect, and
the result of a run never depends on its terminal.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from taskloom.cli.table import COMMANDS
from taskloom.errors import ExitCode
from tests_sizes import size

if not hasattr(os, "fork"):
    pytest.skip("a child is forked", allow_module_level=True)

GARDEN = Path(__file__).parent / "garden"
RUN = ["run", "garden", "grow", "--days=1"]
LINES: dict[str, list[str]] = {
    "list": ["list"],
    "info": ["info", "garden", "grow"],
    "run": [*RUN, "--force"],
    "check": ["check", "garden", "grow"],
    "sweep": ["sweep", "garden", "grow", "--seed=1", "--executor=inline"],
    "resume": ["resume", "@last"],
    "runs ls": ["runs", "ls"],
    "runs show": ["runs", "show", "@last"],
    "runs path": ["runs", "path", "@last"],
    "runs log": ["runs", "log", "@last", "--output"],
    "runs compare": ["runs", "compare", "@last", "@-2"],
    "runs diff": ["runs", "diff", "@last", "@-2"],
    "runs why": ["runs", "why", "@last"],
    "runs tag": ["runs", "tag", "@last", "seen"],
    "runs rm": ["runs", "rm", "no-such-run", "--yes"],
    "runs release": ["runs", "release", "@last", "--yes"],
    "runs export": ["runs", "export"],
    "runs reindex": ["runs", "reindex"],
    "runs prune": ["runs", "prune", "--yes"],
    "report": ["report", "@last"],
    "new": ["new", "garden", "plot"],
    "doctor": ["doctor"],
    "completion": ["completion", "bash"],
    "help": ["run", "garden", "grow", "--help"],
    "version": ["--version"],
    "nothing": [],
    "unknown": ["no-such-command"],
}
# A server has no end, and `study` compares runs that are not here.
ENDLESS = {"view", "study"}
STREAMS = ("kept", "closed", "full", "gone")


def test_every_command_is_tried() -> None:
    names = {
        f"{command.name} {inner.name}".strip() if command.commands else command.name
        for command in COMMANDS
        for inner in command.commands or (command,)
    }
    assert names - set(LINES) <= ENDLESS


@pytest.fixture(scope="module", autouse=True)
def _terminals() -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("terminals.py"))],
        env={**os.environ, "PYTHONPATH": str(GARDEN)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        _process.append(process)
        yield
        _process.clear()
        assert process.stdin is not None
        process.stdin.close()


_process: list[subprocess.Popen[str]] = []


def outcome(
    words: Sequence[str],
    folder: Path,
    *,
    out: str = "kept",
    err: str = "kept",
    columns: int = 80,
    encoding: str = "utf-8",
) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command line in a process of its own."""
    kept = [folder / "stdout", folder / "stderr"]
    for path in kept:
        path.write_bytes(b"")
    (process,) = _process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([list(words), str(folder), out, err, columns, encoding]) + "\n")
    process.stdin.flush()
    code = int(process.stdout.readline())
    first, second = (path.read_text(encoding, errors="replace") for path in kept)
    return code, first, second


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with two runs."""
    folder = tmp_path_factory.mktemp("terminals")
    for seed in "01":
        assert outcome([*RUN, f"--seed={seed}", "--quiet"], folder)[0] == 0
    return folder


def test_no_terminal_is_taken_for_a_defect(store: Path) -> None:
    draw = random.Random(0)
    combinations = [
        (name, out, err, columns, encoding)
        for name in LINES
        for out in STREAMS
        for err in STREAMS
        for columns in (5, 17, 80, 1000)
        for encoding in ("utf-8", "ascii")
    ]
    wrong = []
    for name, out, err, columns, encoding in draw.sample(combinations, size("terminals_tried")):
        code, _, told = outcome(
            LINES[name], store, out=out, err=err, columns=columns, encoding=encoding
        )
        known = {int(item) for item in ExitCode}
        if code not in known or "defect" in told or "Traceback" in told:
            wrong.append((name, out, err, columns, encoding, code, told[-300:]))
    assert wrong == []


@pytest.mark.parametrize(
    ("out", "err"), [("kept", "closed"), ("closed", "kept"), ("full", "full"), ("gone", "closed")]
)
def test_a_run_does_not_depend_on_its_terminal(store: Path, out: str, err: str) -> None:
    before = set(store.glob("runs/*/run.json"))
    code, _, _ = outcome([*RUN, "--force", "--seed=9"], store, out=out, err=err, columns=5)
    assert code == 0
    (made,) = set(store.glob("runs/*/run.json")) - before
    assert json.loads(made.read_text())["status"] == "finished"


@pytest.mark.parametrize(("out", "expected"), [("full", 5), ("gone", 0), ("closed", 0)])
def test_a_listing_that_is_lost_on_a_full_disk_failed(store: Path, out: str, expected: int) -> None:
    code, _, told = outcome(["list"], store, out=out)
    assert code == expected
    assert ("no space left" in told) == (out == "full")


@pytest.mark.parametrize("name", sorted(LINES))
def test_stdout_holds_one_document_under_json(store: Path, name: str) -> None:
    code, told, _ = outcome([*LINES[name], "--json"], store)
    if "--help" in LINES[name]:
        return
    document = json.loads(told)
    if code not in (0, int(ExitCode.CHECK_FAILED)):
        assert document["exit"] == code
        assert document["error"]["message"]
