"""An environment in which the commands of a page can be run: everything that is installed here, and what the page installs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests_sizes import size

_FORKING = Path(__file__).with_name("forking.py")


@dataclass(frozen=True)
class Shell:
    """Runs commands in one folder.

    Attributes:
        folder: Where.
        environment: With which variables.
    """

    folder: Path
    environment: dict[str, str]

    @property
    def python(self) -> str:
        """The interpreter that the word `python` means here."""
        found = shutil.which("python", path=self.environment["PATH"])
        assert found is not None
        return found

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


@pytest.fixture(scope="session")
def _forked() -> Iterator[Callable[[str], str]]:
    """Give a function from `tasks` or `python` to a script that is it in a fork of a process with heavy libraries."""
    spec = importlib.util.spec_from_file_location("docs_forking", _FORKING)
    assert spec is not None
    assert spec.loader is not None
    forking = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(forking)
    with tempfile.TemporaryDirectory() as folder:  # the address of a socket is short
        address = f"{folder}/tasks"
        kept = {name: text for name, text in os.environ.items() if not name.startswith("TASK")}
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", str(_FORKING), address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**kept, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "100"},
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield lambda program: forking.CLIENT.format(
                python=sys.executable, address=address, program=program
            )
            process.terminate()


@pytest.fixture
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Shell:
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
    # Before the binaries, since the environment's own `python` is that of `pip` and of what reads `sys.executable`.
    shadows = tmp_path / "shadows"
    shadows.mkdir()
    for program in ("tasks", "python") if size("forked_commands") else ():
        script = shadows / program
        script.write_text(request.getfixturevalue("_forked")(program))
        script.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TASK", "PYTEST", "PIP_"))
    }
    environment = {
        **kept,
        "PATH": os.pathsep.join(
            [*map(str, (shadows, binaries, Path(sys.executable).parent)), os.environ["PATH"]]
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
