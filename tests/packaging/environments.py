"""Install each extra into an environment of its own, oldest or newest, and see it work: `make floors`, `make newest`, `make pythons`.

A floor that no one installs is a guess: `mujoco>=3.3.7` was one, because states have parts that 3.5 brought. uv installs the lowest version that
each direct requirement allows; pip has no such option.

    python tests/packaging/environments.py --resolution lowest-direct --extras hci control
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("core", "anomaly", "hci", "diffusion", "control")
# What core's unit tests need beside an installation.
TOOLS = (
    "pytest>=8.3",
    "pytest-xdist>=3.6",
    "hypothesis>=6.120",
    "safetensors>=0.4.5",
    "pandas>=2.2",
    "scipy>=1.13",
    "httpx>=0.27",  # for Starlette's client of tests
)
SMOKES = {
    "hci": ("run", "hci", "pointing", "--episodes=20"),
    "control": ("run", "control", "cartpole", "--seconds=1"),
    "anomaly": ("run", "anomaly", "toy_features"),
    "diffusion": ("run", "diffusion", "smiles", "--train.steps=2", "--evaluate.num_samples=2"),
}


# Cases that are about the lowest version of something, and are skipped elsewhere.
CASES = {"control": ("tests/cases/test_control_files.py", "-k", "lowest_mujoco")}

# Tests of core that look at all four domains, of which an environment has one.
OF_ALL_DOMAINS = (
    *("test_moved.py", "registry/test_manifests.py", "registry/test_discovery.py"),
    *(
        "execute/test_recipes.py",
        "identity/test_shipped_configs.py",
        "python/test_session_settings.py",
    ),
)


@dataclass(frozen=True)
class Environment:
    """A virtual environment with core and one domain.

    Attributes:
        home: Its folder.
        extra: The domain.
    """

    home: Path
    extra: str

    @property
    def python(self) -> str:
        return str(self.home / "bin" / "python")

    def install(
        self, python: str, resolution: str, wheels: Path, instead: Sequence[str] = ()
    ) -> None:
        """Make it anew; the requirements are read from the sources, so that each of them is a direct one.

        Args:
            python: The interpreter.
            resolution: Which versions uv chooses.
            wheels: A folder with our own wheels.
            instead: Requirements that replace those of the same distributions.
        """
        uv("venv", "--clear", "--python", python, str(self.home))
        files = [f"packages/{part}/pyproject.toml" for part in ("core", self.extra)]
        requirements = [word for file in files for word in ("-r", file)]
        install = ("pip", "install", "--python", self.python, "--find-links", str(wheels))
        extras = ("--extra", "report", "--extra", "view")
        own = ("taskloom", "taskloom-core", f"taskloom-{self.extra}")
        overrides = self.home / "instead.txt"
        overrides.write_text("\n".join(instead))
        chosen = ("--resolution", resolution, "--overrides", str(overrides))
        uv(*install, *chosen, *requirements, *extras, *own)
        kept = self.home / "installed.txt"
        lines = uv("pip", "freeze", "--python", self.python).splitlines()
        kept.write_text("\n".join(line for line in lines if "==" in line))
        uv(*install, *TOOLS, "--constraint", str(kept))

    def run(self, *words: str, folder: Path) -> None:
        """Run Python in it.

        Raises:
            CalledProcessError: It fails.
        """
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TASK"))}
        # A release that is older than this Python may warn of what the next one drops; the tests of every day are strict.
        environment = {**clean, "OMP_NUM_THREADS": "1"}
        subprocess.run([self.python, *words], cwd=ROOT, env=environment, check=True)


def uv(*words: str) -> str:
    """Run uv, which is installed beside this Python, and return what it prints."""
    program = Path(sys.executable).with_name("uv")
    found = str(program) if program.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit("uv is not installed: pip install uv")
    done = subprocess.run([found, *words, "-q"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def interpreter(version: str) -> str:
    """Return a Python of that version; one that this machine has, else what uv finds or fetches."""
    if not version:
        return str(getattr(sys, "_base_executable", sys.executable))
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for found in (shutil.which(f"python{version}"), *map(str, kept)):
        if (
            found
            and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0
        ):
            return found
    uv("python", "install", version)
    return version


def build_wheels(folder: Path) -> None:
    """Build the wheels of all distributions."""
    for source in (ROOT, *(ROOT / "packages" / part for part in PARTS)):
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
        subprocess.run([*command, str(folder), str(source)], check=True, capture_output=True)


def try_out(environment: Environment, *, tests: bool, folder: Path) -> None:
    """Run the domain's smallest task, and the unit tests of core."""
    main = "from taskloom.cli import main; import sys; sys.exit(main())"
    store = f"--store={folder / 'runs'}"
    environment.run("-c", main, *SMOKES[environment.extra], store, "--quiet", folder=folder)
    pytest = ("-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-W", "default")
    if environment.extra in CASES:
        environment.run(*pytest, *CASES[environment.extra], folder=folder)
    if tests:
        left_out = [word for file in OF_ALL_DOMAINS for word in ("--ignore", f"tests/core/{file}")]
        environment.run(*pytest, "tests/core", *left_out, folder=folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return how many environments failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", choices=("lowest-direct", "highest"), default="highest")
    parser.add_argument("--python", nargs="*", default=[""], help="Versions, such as 3.12.")
    parser.add_argument("--extras", nargs="*", choices=tuple(SMOKES), default=tuple(SMOKES))
    parser.add_argument(
        "--tests", nargs="*", default=["hci"], help="Extras with core's unit tests."
    )
    parser.add_argument(
        "--instead",
        nargs="*",
        default=[],
        metavar="REQUIREMENT",
        help="Replaces those of the same distributions: torch==2.13.0 where no other build fits the machine.",
    )
    parser.add_argument(
        "--find", metavar="VERSION", help="Print a Python of this version, and stop."
    )
    parser.add_argument("--keep", type=Path, help="Keep the environments in this folder.")
    asked = parser.parse_args(arguments)
    if asked.find:
        print(interpreter(asked.find))
        return 0
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        place = asked.keep or Path(scratch)
        build_wheels(Path(scratch) / "wheels")
        for version in asked.python:
            for extra in asked.extras:
                began = time.monotonic()
                label = f"{extra}, {asked.resolution}, Python {version or sys.version.split()[0]}"
                environment = Environment(place / f"{extra}-{version or 'this'}", extra)
                try:
                    environment.install(
                        interpreter(version),
                        asked.resolution,
                        Path(scratch) / "wheels",
                        asked.instead,
                    )
                    try_out(environment, tests=extra in asked.tests, folder=environment.home)
                except subprocess.CalledProcessError as error:
                    failed.append(label)
                    print(f"FAILED {label}: {' '.join(map(str, error.cmd[:6]))}", flush=True)
                else:
                    print(f"ok {label}: {time.monotonic() - began:.0f} s", flush=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
