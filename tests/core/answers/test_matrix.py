"""Every kind of change, by every way to ask, wherever the run is placed: no stale answer, and no needless run."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cases_tasks import Answer, edit
from tests_sizes import size

PACKAGE = """
import os
from pathlib import Path
from typing import Annotated, Literal
import countedpkg
from pydantic import SecretStr
from taskloom import Component, Config, OneOf, Result, RunContext, RunRef
from taskloom.config import Component
from matrix_pkg.helper import HELPER

class Part(Component):
    pass

class Small(Part):
    kind: Literal["small"] = "small"

    def amount(self):
        return 0

class One(Config):
    file: Path = Path("data.txt")
    folder: Path = Path("folder")
    source: RunRef = ""
    key: SecretStr = SecretStr("1")
    part: Annotated[Part, OneOf("matrix_pkg.parts")] = Small()

    def run(self, ctx: RunContext) -> Result:
        with ctx.checkpoint(1) as folder:
            (folder / "step").write_text("1")
        if os.environ.get("MATRIX_DIE"):
            os._exit(9)
        return self.resume(ctx, folder)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        from matrix_pkg.lazy import LAZY
        table = (Path(__file__).parent / "table.txt").read_text()
        members = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        source = (Path(self.source) / "artifacts" / "base.txt").read_text() if self.source else "0"
        parts = [
            self.file.read_text(), sum(int(path.read_text()) for path in members), source, HELPER, LAZY,
            table, self.part.amount(), countedpkg.VALUE, self.key.get_secret_value(),
        ]
        return Result({"x": float(sum(int(part) * 10**place for place, part in enumerate(parts)))})

class Base(Config):
    def run(self, ctx: RunContext) -> Result:
        ctx.artifact("base.txt").write_text("1")
        return Result({"x": 0.0})
"""
PARTS = """
from typing import Literal
from matrix_pkg import Part

class Big(Part):
    kind: Literal["big"] = "big"

    def amount(self):
        return 1
"""
MANIFEST = """
from taskloom import DomainRef, TaskRef
DOMAIN = DomainRef(name="matrix", summary="A test.", extra="", tasks=(
    TaskRef("one", "A task.", "matrix_pkg:One", version=1),
    TaskRef("base", "A task.", "matrix_pkg:Base"),
))
"""


@dataclass
class Place:
    """Folders of one cell, and the command lines in them.

    Attributes:
        forks: Runs a command.
        root: Everything.
        executor: Where runs are placed.
        cwd: The folder in which commands begin.
        key: The secret.
        base: The run that is an input.
    """

    forks: Callable[..., Answer]
    root: Path
    executor: str
    cwd: Path
    key: str = "1"
    base: str = ""

    @property
    def site(self) -> Path:
        """The folder of the code."""
        return self.root / "site"

    def say(self, *words: str, **variables: str) -> Answer:
        """Run a command line."""
        return self.forks(
            *words,
            cwd=self.cwd,
            PYTHONPATH=str(self.site),
            TASKS_STORE=str(self.root / "runs"),
            MATRIX_KEY=self.key,
            **variables,
        )

    def ask(self, way: str, **variables: str) -> Answer:
        """Ask the question in one of the ways."""
        reference = "env:MATRIX_KEY"
        if self.executor == "ray":  # whose node has no variables of this command
            (self.root / "key").write_text(self.key)
            reference = f"file:{self.root / 'key'}"
        values = {"source": self.base, "key": reference, "part": "big"}
        words = [f"--{name}={value}" for name, value in values.items()]
        if way == "python":
            options = json.dumps({"executor": self.executor, "quiet": True})
            return self.say("python", "matrix/one", json.dumps(values), options, **variables)
        command = "sweep" if way == "sweep" else "run"
        words += [f"--executor={self.executor}", "--json"]
        return self.say(command, "matrix", "one", *words, *WORDS[way], **variables)


WORDS: dict[str, tuple[str, ...]] = {"run": (), "sweep": ("--seed=0",), "--resume": ("--resume",)}


def _distribution(site: Path, name: str, entry_points: str = "", requires: str = "") -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}Summary: A test.\n\nText\n"
    )
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Place]:
    """Return a maker of cells."""

    def place(executor: str) -> Place:
        forks = request.getfixturevalue("forks_on_ray" if executor == "ray" else "forks")
        made = Place(forks, tmp_path, executor, tmp_path / "here")
        package = made.site / "matrix_pkg"
        package.mkdir(parents=True)
        for folder in (tmp_path / "here", tmp_path / "there"):
            (folder / "folder").mkdir(parents=True)
            (folder / "data.txt").write_text("1")
            (folder / "folder" / "a.txt").write_text("1")
            (folder / "folder" / "b.txt").write_text("0")
        (tmp_path / "there" / "data.txt").write_text("2")
        (package / "__init__.py").write_text(PACKAGE)
        (package / "helper.py").write_text("HELPER = 1\n")
        (package / "lazy.py").write_text("LAZY = 1\n")
        (package / "table.txt").write_text("1")
        (made.site / "matrix_parts.py").write_text(PARTS)
        (made.site / "matrix_manifest.py").write_text(MANIFEST)
        (made.site / "countedpkg.py").write_text("VALUE = 1\n")
        points = "[taskloom.domains]\nmatrix = matrix_manifest:DOMAIN\n[matrix_pkg.parts]\nsmall = matrix_pkg:Small\n"
        _distribution(made.site, "matrix_pkg", points, "Requires-Dist: countedpkg\n")
        _distribution(made.site, "matrix_parts", "[matrix_pkg.parts]\nbig = matrix_parts:Big\n")
        _distribution(made.site, "countedpkg")
        told = made.say("run", "matrix", "base", "--json")
        made.base = str(tmp_path / "runs" / json.loads(told.stdout)["id"])
        return made

    return place


def _replace(place: Place) -> None:
    path = place.cwd / "data.txt"
    before = path.stat()
    other = path.with_suffix(".new")
    other.write_text("2")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def _upgrade(place: Place) -> None:
    edit(place.site / "countedpkg.py", "VALUE = 2\n")
    before = place.site / "countedpkg-1.0.dist-info"
    text = (before / "METADATA").read_text().replace("Version: 1.0", "Version: 2.0")
    shutil.rmtree(before)
    after = place.site / "countedpkg-2.0.dist-info"
    after.mkdir()
    (after / "METADATA").write_text(text)


def _another_key(place: Place) -> None:
    place.key = "2"


def _elsewhere(place: Place) -> None:
    place.cwd = place.root / "there"


def _version(place: Place) -> None:
    edit(place.site / "matrix_manifest.py", MANIFEST.replace("version=1", "version=2"))


# Kind of change: what is done, by how much the result changes, and a word of the reason.
KINDS: dict[str, tuple[Callable[[Place], object], int, str]] = {
    "file content": (lambda place: (place.cwd / "data.txt").write_text("2"), 1, "data.txt"),
    "file of the old time and size": (_replace, 1, "data.txt"),
    "member added": (lambda place: (place.cwd / "folder" / "c.txt").write_text("1"), 10, "folder"),
    "member removed": (lambda place: (place.cwd / "folder" / "b.txt").unlink(), 0, "folder"),
    "member changed": (
        lambda place: (place.cwd / "folder" / "a.txt").write_text("2"),
        10,
        "folder",
    ),
    "the same path elsewhere": (_elsewhere, 1, "data.txt"),
    "run that is an input": (
        lambda place: (Path(place.base) / "artifacts" / "base.txt").write_text("2"),
        100,
        "changed",
    ),
    "imported module": (
        lambda place: edit(place.site / "matrix_pkg" / "helper.py", "HELPER = 2\n"),
        1000,
        "helper.py",
    ),
    "lazily imported module": (
        lambda place: edit(place.site / "matrix_pkg" / "lazy.py", "LAZY = 2\n"),
        10**4,
        "lazy.py",
    ),
    "package data": (
        lambda place: (place.site / "matrix_pkg" / "table.txt").write_text("2"),
        10**5,
        "table.txt",
    ),
    "plugin component": (
        lambda place: edit(place.site / "matrix_parts.py", PARTS.replace("return 1", "return 2")),
        10**6,
        "matrix_parts.py",
    ),
    "counted package": (_upgrade, 10**7, "countedpkg"),
    "secret": (_another_key, 10**8, "secret"),
    "version": (_version, 0, "version"),
}
WAYS = ("run", "sweep", "--resume", "python", "resume")
CELLS = list(itertools.product(KINDS, WAYS, ("inline", "local")))
# A step that divides neither number of columns: the small column has every kind, every way and both executors.
CHOSEN = (
    CELLS
    if size("matrix_cells") >= len(CELLS)
    else CELLS[:: len(CELLS) // size("matrix_cells") - 1]
)


def _outcome(answer: Answer) -> tuple[str, float, bool]:
    """Return id, result and whether it was reused."""
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    told = told["runs"][0] if "runs" in told else told
    return told["id"], told["metrics"]["x"], told.get("reused", False)


def _crash(place: Place) -> str:
    """Have the run die behind its first checkpoint, and return its id. A placed one would at once be placed again."""
    assert replace(place, executor="inline").ask("run", MATRIX_DIE="1").returncode != 0
    (crashed,) = (place.root / "runs").glob("*-one-*/run.json")
    return crashed.parent.name


@pytest.mark.parametrize(("kind", "way", "executor"), CHOSEN)
def test_a_change_is_another_computation(
    make: Callable[[str], Place], kind: str, way: str, executor: str
) -> None:
    place = make(executor)
    change, by, word = KINDS[kind]
    value = float(sum(10**number for number in range(9)))
    if way in ("run", "sweep", "python"):
        first = _outcome(place.ask(way))
        assert first[1:] == (value, False)
        assert _outcome(place.ask(way)) == (first[0], value, True)
        change(place)
        answer = place.ask(way)
        second = _outcome(answer)
        assert second[1:] == (value + by, False), answer.stderr
        assert second[0] != first[0]
        # A version has no reason: it is another question. From Python nothing is said when quiet.
        assert word in answer.stderr or kind == "version" or way == "python"
        assert _outcome(place.ask(way)) == (second[0], value + by, True)
        return
    crashed = _crash(place)
    change(place)
    if kind == "lazily imported module":
        # It had not been imported before the crash, so the run that goes on is the first to see it.
        answer = place.say("resume", crashed, "--json") if way == "resume" else place.ask(way)
        assert _outcome(answer)[:2] == (crashed, value + by)
        return
    if way == "--resume":
        found = _outcome(place.ask(way))
        assert found[1:] == (value + by, False)
        assert found[0] != crashed
        return
    answer = place.say("resume", crashed, "--json")
    if kind == "the same path elsewhere":
        # Relative paths count from where the run was asked for, so nothing has changed.
        assert _outcome(answer)[:2] == (crashed, value)
        return
    assert answer.returncode == 2
    assert word in answer.stderr


@pytest.mark.ray
@pytest.mark.parametrize("kind", list(KINDS)[: size("ray_kinds")])
def test_a_change_is_another_computation_on_ray(make: Callable[[str], Place], kind: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    test_a_change_is_another_computation(make, kind, "run", "ray")


@pytest.mark.parametrize("executor", ["inline", "local"])
@pytest.mark.parametrize("way", ["--resume", "resume"])
def test_without_a_change_an_interrupted_run_goes_on(
    make: Callable[[str], Place], way: str, executor: str
) -> None:
    place = make(executor)
    crashed = _crash(place)
    answer = place.say("resume", crashed, "--json") if way == "resume" else place.ask(way)
    assert _outcome(answer)[:2] == (crashed, float(sum(10**number for number in range(9))))
    assert f"continuing {crashed} from its checkpoint of step 1" in answer.stderr
