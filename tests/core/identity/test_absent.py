"""Modules that have no source count, too: those that do not exist, and make another program when they appear; and bytecode."""

from __future__ import annotations

import py_compile
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import pytest
from taskloom.identity.absent import absent_modules
from taskloom.identity.code import read_code
from taskloom.identity.filecache import FileCache
from taskloom.identity.verify import changed_program
from taskloom.runs import list_runs

GUARDED = '''
"""A task in one file."""
import taskloom as tl

try:
    from fast import speed
except ImportError:
    speed = 1

class One:
    """Ask for what may be there."""

    def __init__(self, config: tl.Config) -> None:
        self.config = config

    def run(self, ctx: tl.RunContext) -> tl.Result:
        return tl.Result({"speed": float(speed)})
'''
# How a module may come to exist, by its name without suffix.
WAYS: dict[str, Callable[[Path], object]] = {
    "source": lambda path: path.with_suffix(".py").write_text("speed = 2\n"),
    "package": lambda path: (path.mkdir(), (path / "__init__.py").write_text("speed = 2\n")),
    "folder": lambda path: path.mkdir(),
    "compiled": lambda path: Path(f"{path}{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF"),
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an imported package `lab` with a module `lab.here`."""
    folder = tmp_path / "lab"
    folder.mkdir()
    package, here = ModuleType("lab"), ModuleType("lab.here")
    package.__path__ = [str(folder)]
    vars(package)["made"] = 1
    monkeypatch.setitem(sys.modules, "lab", package)
    monkeypatch.setitem(sys.modules, "lab.here", here)
    return folder


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("from lab import fast", ["lab/fast"]),
        ("from lab import here, fast as f, made", ["lab/fast"]),
        (
            "from . import (\n    here,\n    fast,  # quicker\n    faster\n)",
            ["lab/fast", "lab/faster"],
        ),
        ("from .fast import speed", ["lab/fast"]),
        ("from .fast.inner import speed", ["lab/fast"]),
        ("import lab.fast.inner as inner", ["lab/fast"]),
        ("    import fast, os", ["fast"]),
        ("from fast import *", ["fast"]),
        ("from lab import \\\n    fast", ["lab/fast"]),
        ("from ... import beyond", []),
        ("from lab.here import speed", []),
        ("import os.path, lab, lab.here", []),
        ("text = 'import fast'", []),
    ],
)
def test_what_a_source_asks_for_and_does_not_get(lab: Path, line: str, names: list[str]) -> None:
    source = f"try:\n{line}\nexcept ImportError:\n    pass\n".encode()
    base = str(lab.parent)
    expected = [(name.rpartition("/")[0], str(lab.parent / name)) for name in names]
    assert list(absent_modules("lab.here", source, [base])) == expected
    # Where a failed import is not caught, the run would have ended there.
    assert list(absent_modules("lab.here", line.encode(), [base])) == []
    for _, path in expected:
        Path(path).with_suffix(".py").write_text("")
    assert list(absent_modules("lab.here", source, [base])) == []


def test_module_that_appears_makes_another_program(
    tasks: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "guarded.py").write_text(GUARDED)
    assert tasks("run", "guarded.py:One", "--quiet")[0] == 0
    (run,) = list_runs(tmp_path / "runs")
    code = read_code(run.dir)
    assert code is not None
    assert [row.file for row in code.files if not row.sha256] == ["fast.py"]

    def reasons() -> list[str]:
        with FileCache() as files:
            return [reason.sentence for reason in changed_program(run, tmp_path / "runs", files)]

    for way in WAYS.values():
        assert reasons() == []
        way(tmp_path / "fast")
        (told,) = reasons()
        assert "code changed" in told
        assert "fast.py" in told
        for path in sorted(tmp_path.rglob("fast*/*")) + sorted(tmp_path.glob("fast*")):
            path.rmdir() if path.is_dir() else path.unlink()
    # A source that ran is hidden by a compiled module of the same name.
    WAYS["compiled"](tmp_path / "guarded")
    assert len(reasons()) == 1
    for name in ("guarded", "fast"):
        sys.modules.pop(name, None)


def test_module_of_bytecode_alone_counts(
    tasks: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "guarded.py").write_text(GUARDED)

    def ship(speed: int) -> None:
        (tmp_path / "source").write_text(f"speed = {speed}\n")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH  # no time in it
        py_compile.compile("source", cfile="fast.pyc", doraise=True, invalidation_mode=mode)
        for name in ("guarded", "fast"):
            sys.modules.pop(name, None)

    for speed, runs in ((2, 1), (2, 1), (3, 2)):
        ship(speed)
        assert tasks("run", "guarded.py:One", "--quiet")[0] == 0
        found = list_runs(tmp_path / "runs")
        assert sorted({run.metrics["speed"] for run in found}) == [2.0, 3.0][: len(found)]
        assert len(found) == runs
    for name in ("guarded", "fast"):
        sys.modules.pop(name, None)
