"""The six wheels, built once from the sources of this checkout, and clean environments to install them into."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("core", "anomaly", "hci", "diffusion", "control")


@dataclass(frozen=True)
class Installation:
    """A virtual environment with nothing in it but what was asked for.

    Attributes:
        home: Its folder.
    """

    home: Path

    def run(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of its programs."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "TASK"))
        }
        return subprocess.run(
            [str(self.home / "bin" / words[0]), *words[1:]],
            capture_output=True,
            text=True,
            cwd=folder or self.home,
            env={**clean, "OMP_NUM_THREADS": "1"},
            timeout=300,
            check=False,
        )

    def distributions(self) -> set[str]:
        """Return the names of what is installed."""
        done = self.run(
            "python",
            "-c",
            "import importlib.metadata as m; print(*(d.name for d in m.distributions()))",
        )
        return {name.lower().replace("_", "-") for name in done.stdout.split()}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of all six distributions."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, *(ROOT / "packages" / part for part in PARTS)):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "build",
                "--wheel",
                "--no-isolation",
                "--outdir",
                str(folder),
                str(source),
            ],
            check=True,
            capture_output=True,
        )
    return folder


def _install(home: Path, wheels: Path, requirement: str) -> Installation:
    venv.create(home, with_pip=False)
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--constraint",
        str(ROOT / "constraints.txt"),
    ]
    python = str(home / "bin" / "python")
    where = ["--find-links", str(wheels)]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", *options, *where, requirement],
        check=True,
    )
    return Installation(home)


@pytest.fixture(scope="session")
def core_only(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An environment with `taskloom` and no extra."""
    return _install(tmp_path_factory.mktemp("core-only"), wheels, "taskloom")


@pytest.fixture(scope="session")
def with_hci(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An environment with `taskloom[hci]`."""
    return _install(tmp_path_factory.mktemp("with-hci"), wheels, "taskloom[hci]")
