"""Distributions installed from folders, as a user would install them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent / "packages"

Tasks = Callable[..., subprocess.CompletedProcess[str]]


def install(names: Sequence[str], site: Path) -> Path:
    """Build and install distributions into a folder, without a network."""
    options = [
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
    ]
    folders = [str(PACKAGES / name) for name in names]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(site), *folders],
        check=True,
        # pip runs as the user of the tests, root included.
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore", "PYTHONWARNINGS": "ignore"},
    )
    return site


def tasks_with(site: Path, folder: Path) -> Tasks:
    """Return a function that runs `tasks` with the distributions of a folder installed."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(site), **variables}
        command = [
            sys.executable,
            "-c",
            "import sys; from taskloom.cli import main; sys.exit(main())",
            *words,
        ]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def good_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two good distributions in it."""
    return install(["coin-task", "lab-domain"], tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def bad_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every distribution in it."""
    return install(sorted(path.name for path in PACKAGES.iterdir()), tmp_path_factory.mktemp("bad"))


@pytest.fixture
def tasks(good_site: Path, tmp_path: Path) -> Tasks:
    """Run `tasks` beside the good distributions."""
    return tasks_with(good_site, tmp_path)


@pytest.fixture
def tasks_among_bad(bad_site: Path, tmp_path: Path) -> Tasks:
    """Run `tasks` beside good and bad distributions."""
    return tasks_with(bad_site, tmp_path)
