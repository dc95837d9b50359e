"""Rehearse a release, or write its version into every place that states it: `make release-check`, RELEASING.md.

python tests/packaging/release.py                  # builds, checks and installs the committed sources
python tests/packaging/release.py --set 0.2.0      # writes the version
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from environments import PARTS, ROOT, SMOKES, interpreter, uv

DIST = ROOT / "dist"
VERSION = r"[0-9]+(?:\.[0-9]+)+(?:\.dev[0-9]+|rc[0-9]+)?"
# Each place with the expression whose second group is the version.
PLACES = {
    "packages/core/src/taskloom/__init__.py": rf'(?m)^(__version__ = ")({VERSION})(")',
    "CITATION.cff": rf"(?m)^(version: )({VERSION})()$",
    **{
        name: rf'(^version = "|"taskloom-[a-z]+(?:\[[a-z]+\])?==)({VERSION})(")'
        for name in ("pyproject.toml", *(f"packages/{part}/pyproject.toml" for part in PARTS))
    },
}


def versions(root: Path = ROOT) -> dict[str, set[str]]:
    """Return the versions that each place states."""
    return {
        name: {match[2] for match in re.finditer(pattern, (root / name).read_text(), re.MULTILINE)}
        for name, pattern in PLACES.items()
    }


def set_version(version: str, root: Path = ROOT) -> None:
    """Write a version into every place.

    Raises:
        SystemExit: It is none that a package index takes.
    """
    if not re.fullmatch(VERSION, version):
        raise SystemExit(f"error: {version!r} is no version such as 0.2.0, 0.2.0rc1 or 0.3.0.dev0")
    for name, pattern in PLACES.items():
        text = (root / name).read_text()
        written = re.sub(pattern, rf"\g<1>{version}\g<3>", text, flags=re.MULTILINE)
        (root / name).write_text(written)


def build(source: Path, folder: Path, time: str) -> dict[str, str]:
    """Build six wheels and six source archives, and return their digests by name."""
    for part in (source, *(source / "packages" / name for name in PARTS)):
        subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(part)],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": time},
        )
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def complaints(folder: Path) -> Iterator[str]:
    """Yield what an index or a user would miss in the wheels of a folder."""
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1 + len(PARTS):
        yield f"{len(wheels)} wheels instead of {1 + len(PARTS)}"
    for path in wheels:
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
        if not any(name.endswith("licenses/LICENSE") for name in names):
            yield f"{path.name} has no LICENSE"
        has_code = any(name.endswith(".py") for name in names)
        if has_code and not any(name.endswith("/py.typed") for name in names):
            yield f"{path.name} has no py.typed"
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, folder.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode:
        yield f"twine check: {checked.stdout.strip()}"


def export(folder: Path) -> str:
    """Write the committed sources into a folder, and return the time of the commit [s]."""
    archive = _git("archive", "HEAD")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return _git("show", "-s", "--format=%ct", "HEAD").decode().strip()


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def install_alone(part: str, python: str, folder: Path) -> None:
    """Install one distribution into a fresh environment, and run its first command.

    Raises:
        CalledProcessError: It fails.
    """
    name = "taskloom" if part == "root" else f"taskloom-{part}"
    version = next(iter(versions()["pyproject.toml"]))
    uv("venv", "--clear", "--python", interpreter(python), str(folder))
    program = str(folder / "bin" / "python")
    pins = ("--constraint", str(ROOT / "constraints.txt"), "--find-links", str(DIST))
    uv("pip", "install", "--python", program, *pins, f"{name}=={version}")
    words = (*SMOKES[part], "--quiet") if part in SMOKES else ("list",)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TASK"))}
    subprocess.run(
        [str(folder / "bin" / "tasks"), *words],
        cwd=folder,
        env=clean,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def rehearse(parts: Sequence[str], pythons: Sequence[str]) -> int:
    """Return how much stands between the committed sources and a release; say each on a line."""
    found = []
    stated = set().union(*versions().values())
    if len(stated) != 1:
        found.append(f"the places state several versions: {', '.join(sorted(stated))}")
    if _git("status", "--porcelain"):
        print("note: what is not committed is left out")
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        time = export(scratch / "sources")
        first = build(scratch / "sources", DIST, time)
        second = build(scratch / "sources", scratch / "again", time)
        found += [
            f"{file} differs between two builds"
            for file in first
            if first[file] != second.get(file)
        ]
        found += complaints(DIST)
        print(f"built {len(first)} files twice", flush=True)
        for python in pythons:
            for part in parts:
                label = f"{part}, Python {python or sys.version.split()[0]}"
                try:
                    install_alone(part, python, scratch / f"{part}-{python}")
                    print(f"ok {label}", flush=True)
                except subprocess.CalledProcessError as error:
                    found.append(f"{label}: {' '.join(map(str, error.cmd[:5]))} failed")
    for line in found:
        print(f"error: {line}")
    print(f"ready: dist/ holds {next(iter(stated))}" if not found else "not ready")
    return len(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse, or set the version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", metavar="VERSION", help="Write this version, and stop.")
    parser.add_argument("--parts", nargs="*", choices=("root", *PARTS), default=("root", *PARTS))
    parser.add_argument("--python", nargs="*", default=[""], help="Versions, such as 3.12.")
    asked = parser.parse_args(arguments)
    if asked.set:
        set_version(asked.set)
        return 0
    return rehearse(asked.parts, asked.python)


if __name__ == "__main__":
    sys.exit(main())
