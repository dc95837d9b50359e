"""An environment in which the commands of a page can be run: everything that is installed here, and what the page installs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Shell:
    """Runs commands in one folder.

    Attributes:
        folder: Where.
        environment: With which variables.
    """

    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one command line with bash; stdout and stderr are one stream, as on a screen."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=900,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder, with a virtual environment on top of this one and without a network for pip."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    binaries = home / "bin"
    packages = next((home / "lib").glob("python*/site-packages"))
    # `addsitedir` reads the .pth files there, through which our own editable packages are found.
    (packages / "outer.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    for name, code in {
        "tasks": "from taskloom.cli import main; sys.exit(main())",
        "pip": "import runpy; sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__')",
        "pytest": "import pytest; sys.exit(pytest.main())",
    }.items():
        script = binaries / name
        script.write_text(f"#!{binaries / 'python'}\nimport sys\n{code}\n")
        script.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TASK", "PYTEST", "PIP_"))
    }
    environment = {
        **kept,
        "PATH": os.pathsep.join(
            [str(binaries), str(Path(sys.executable).parent), os.environ["PATH"]]
        ),
        "VIRTUAL_ENV": str(home),
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        # What a page installs must be here already, or come from the page's own folder.
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one the other way round: 0 means no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    folder = tmp_path / "work"
    folder.mkdir()
    return Shell(folder, environment)
