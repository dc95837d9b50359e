"""Files that no field names, and what a run adds to its own inputs: no stale answer, and no needless run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cases_tasks import Answer, Tasks, edit

READS = """
import runpy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from taskloom import Config, InputPath, Result, RunContext

def loaded(path):
    spec = spec_from_file_location("plugged", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.V

def missing(path):
    try:
        return int(path.read_text())
    except FileNotFoundError:
        return 0

class One(Config):
    folder: InputPath = Path("folder")

    def run(self, ctx: RunContext) -> Result:
        members = sum(int(path.read_text()) for path in sorted(self.folder.glob("*.txt")))
        made = self.folder / "made" / "kept.json"
        if not made.exists():
            made.parent.mkdir(exist_ok=True)
            made.with_suffix(".partial").write_text("1")
            made.with_suffix(".partial").replace(made)
        parts = [
            int(Path("side.txt").read_text()), runpy.run_path("script.py")["V"], loaded("plug.py"),
            missing(Path("maybe.txt")), members, int(made.read_text()),
        ]
        return Result({"x": float(sum(part * 10**place for place, part in enumerate(parts)))})
"""


@pytest.fixture
def ask(
    plugin: Callable[..., Tasks], forks: Callable[..., Answer], tmp_path: Path
) -> Callable[[Path], tuple[float, bool]]:
    """Return a question that is asked in a folder by a process of its own: the result, and whether it was reused."""
    variables = plugin("reads", READS).environment
    names = ("PYTHONPATH", "TASKS_STORE")

    def run(cwd: Path) -> tuple[float, bool]:
        settings = {name: variables[name] for name in names}
        answer = forks("run", "reads", "one", "--json", cwd=cwd, **settings)
        assert answer.returncode == 0, answer.stderr
        told = json.loads(answer.stdout)
        return told["metrics"]["x"], told["reused"]

    return run


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with all that the task reads; its result is 120111."""
    folder = tmp_path / "here"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "far.txt").write_text("1")
    (folder / "folder" / "a.txt").write_text("1")
    (folder / "folder" / "link.txt").symlink_to(tmp_path / "far.txt")
    (folder / "side.txt").write_text("1")
    (folder / "script.py").write_text("V = 1\n")
    (folder / "plug.py").write_text("V = 1\n")
    return folder


KINDS: dict[str, tuple[str, str, int]] = {
    "file by a relative name": ("side.txt", "2", 1),
    "script that is executed": ("script.py", "V = 2\n", 10),
    "source of no module": ("plug.py", "V = 2\n", 100),
    "file that was missing": ("maybe.txt", "1", 1000),
    "end of a link in a folder": ("../far.txt", "2", 10_000),
    "what the run added to its input": ("folder/made/kept.json", "2", 100_000),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_counts_and_what_is_added_does_not(
    ask: Callable[[Path], tuple[float, bool]], here: Path, kind: str
) -> None:
    name, text, by = KINDS[kind]
    assert ask(here) == (120111.0, False)
    assert ask(here) == (120111.0, True)
    edit(here / name, text)
    assert ask(here) == (120111.0 + by, False)
    assert ask(here) == (120111.0 + by, True)


def test_the_same_name_elsewhere_is_another_file(
    ask: Callable[[Path], tuple[float, bool]], here: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "folder").symlink_to(here / "folder")
    for name in ("side.txt", "script.py", "plug.py"):
        (there / name).write_bytes((here / name).read_bytes())
    assert ask(here) == (120111.0, False)
    assert ask(there) == (120111.0, True)
    edit(there / "side.txt", "2")
    assert ask(there) == (120112.0, False)
    assert ask(here) == (120111.0, True)


SCRIPT = """
import json
import taskloom

for _ in range(2):
    run = taskloom.run("reads/one", options=taskloom.RunOptions(quiet=True))
    print(json.dumps([run.metrics["x"], run.reused]))
"""


def test_a_script_in_python_sees_what_its_task_reads(
    plugin: Callable[..., Tasks], here: Path
) -> None:
    tasks = plugin("reads", READS)

    def say() -> list[object]:
        told = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=dict(tasks.environment),
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in told.stdout.splitlines()]

    assert say() == [[120111.0, False], [120111.0, True]]
    edit(here / "side.txt", "2")
    assert say() == [[120112.0, False], [120112.0, True]]
