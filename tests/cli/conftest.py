"""The garden domain on the path as if it were installed, and command lines in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from taskloom.registry import refresh

GARDEN = Path(__file__).parent / "garden"


@pytest.fixture(autouse=True, scope="module")
def _garden() -> Iterator[None]:
    sys.path.insert(0, str(GARDEN))
    refresh()
    yield
    sys.path.remove(str(GARDEN))
    refresh()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("TASKS_", "TASKLOOM_", "_TASKS")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tasks_process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command line in a process of its own."""

    def call(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from taskloom.cli import main; sys.exit(main())",
                *words,
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(GARDEN), **(env or {})},
            timeout=300,
            check=False,
        )

    return call
