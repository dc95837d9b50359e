"""mypy --strict and pyright accept what a task author should write, and reject what he should not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = ("good_tasks.py", "bad_tasks.py", "good_calls.py", "bad_calls.py")


def wrong_lines(name: str) -> set[int]:
    lines = (HERE / name).read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


def mypy() -> dict[str, set[int]]:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--hide-error-context",
    ]
    done = subprocess.run(
        [*command, *(str(HERE / name) for name in FILES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, set[int]] = {name: set() for name in FILES}
    for line in done.stdout.splitlines():
        match = re.match(r"(?:.*/)?(\w+\.py):(\d+): error:", line)
        if match:
            found.setdefault(match[1], set()).add(int(match[2]))
    return found


def pyright() -> dict[str, set[int]]:
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, *(str(HERE / name) for name in FILES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, set[int]] = {name: set() for name in FILES}
    for item in json.loads(done.stdout)["generalDiagnostics"]:
        if item["severity"] == "error":
            found[Path(item["file"]).name].add(item["range"]["start"]["line"] + 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_checker_rejects_exactly_the_wrong_lines(checker: object) -> None:
    assert callable(checker)
    found = checker()
    for name in FILES:
        assert (name, found[name]) == (name, wrong_lines(name))
    assert set(found) == set(FILES)
