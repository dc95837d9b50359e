"""Twelve kinds of change by each way to ask: no stale answer, and no needless run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import taskloom
import taskloom.cli.commands.resume
import taskloom.cli.commands.run
import taskloom.cli.commands.sweep
import taskloom.report.render  # imported here, so that no fork has to
from taskloom import registry
from taskloom.cli import main
from taskloom.runs.run import list_runs
from tests_sizes import size

MANIFEST = """
from taskloom import ComponentRef, DomainRef, TaskRef
DOMAIN = DomainRef(name="mat", summary="A case.", extra="", tasks=(
    TaskRef("sum", "Sum.", "mat.task:Sum", version=1),
), components={"mat.parts": (ComponentRef("plain", "Nothing.", "mat.parts:Plain"),)})
"""
PARTS = """
from typing import Literal
from taskloom import Component

class Part(Component):
    def value(self) -> float:
        raise NotImplementedError

class Plain(Part):
    kind: Literal["plain"] = "plain"
"""
TASK = """
import os
import signal
from pathlib import Path
from typing import Annotated

import deplib
from mat.eager import ONE
from mat.parts import Part
from mat_extra import Extra
from pydantic import SecretStr
from taskloom import Config, OneOf, Result, RunContext, RunRef

class Sum(Config):
    data: Path = Path("data.csv")
    folder: Path = Path("folder")
    start: RunRef = ""
    key: SecretStr = SecretStr("k")
    part: Annotated[Part, OneOf("mat.parts")] = Extra()

    def run(self, ctx: RunContext) -> Result:
        if os.environ.get("MAT_STOP"):
            with ctx.checkpoint(1) as folder:
                (folder / "one").write_text("1")
            os.kill(os.getpid(), signal.SIGTERM)
            return Result({"stopped": float(ctx.should_stop)})
        return self.compute()

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        return self.compute()

    def compute(self) -> Result:
        from mat.lazy import two
        from taskloom import open_run
        table = float((Path(__file__).parent / "table.csv").read_text())
        parts = [ONE, two(), table, self.part.value(), deplib.VALUE]
        parts.append(float(self.data.read_text()))
        parts += [float(path.read_text()) for path in sorted(self.folder.iterdir())]
        parts.append(len(self.key.get_secret_value()))
        if self.start:
            parts.append(open_run(self.start).metrics["sum"])
        return Result({"sum": float(sum(parts))})
"""
EXTRA = """
from typing import Literal
from mat.parts import Part

class Extra(Part):
    kind: Literal["extra"] = "extra"

    def value(self) -> float:
        return 0.0
"""


@dataclass
class World:
    """A task, what it reads, and the commands that ask for it; each command runs in a fork that has imported no plugin.

    Attributes:
        root: The folder of everything.
        words: The words behind the task's name.
        where: The current folder of a command.
        variables: Variables of its environment.
    """

    root: Path
    words: list[str] = field(default_factory=list)
    where: str = "here"
    variables: dict[str, str] = field(default_factory=lambda: {"MAT_KEY": "k"})

    @property
    def mat(self) -> Path:
        return self.root / "site" / "mat"

    def put(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def fork(self, call: Callable[[], object], **variables: str) -> tuple[int, str]:
        """Call something in a fork of this process; return its exit code, and what it printed."""
        shown = self.root / "shown.txt"
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                out = os.open(shown, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(out, 1)
                os.dup2(out, 2)
                sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
                os.chdir(self.root / self.where)
                os.environ.update({**self.variables, **variables})
                code = int(call())  # type: ignore[call-overload]  # an exit code
            except BaseException as error:
                sys.excepthook(type(error), error, error.__traceback__)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), shown.read_text()

    def ask(self, way: str, executor: str = "inline", **variables: str) -> tuple[int, str]:
        words = [*self.words, "--key=env:MAT_KEY", f"--executor={executor}"]
        commands = {
            "run": ["run", "mat", "sum", *words],
            "sweep": ["sweep", "mat", "sum", *words, "--seed=0"],
            "--resume": ["run", "mat", "sum", *words, "--resume"],
        }
        if way != "Python":
            return self.fork(lambda: main(commands[way]), **variables)
        values = dict(word.removeprefix("--").split("=", 1) for word in self.words)
        values["key"] = "env:MAT_KEY"
        options = taskloom.RunOptions(executor=executor, quiet=True)
        return self.fork(
            lambda: taskloom.run("mat/sum", values, options=options).status != "finished",
            **variables,
        )

    def sums(self) -> list[tuple[str, float]]:
        """Return id and result of each finished run, the oldest first."""
        found = [run for run in list_runs(self.root / "runs") if run.status == "finished"]
        return [(run.id, run.metrics["sum"]) for run in found]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    _distribution(made, "mat", "mat/__init__.py", "mat = mat.domain:DOMAIN", "dep-lib")
    _distribution(made, "mat-extra", "mat_extra.py", "", "")
    _distribution(made, "dep-lib", "deplib.py", "", "")
    made.put(
        "site/mat_extra-1.0.dist-info/entry_points.txt", "[mat.parts]\nextra = mat_extra:Extra\n"
    )
    files = {"__init__": "", "domain": MANIFEST, "parts": PARTS, "task": TASK, "eager": "ONE = 1\n"}
    files["lazy"] = "def two():\n    return 2\n"
    for name, text in files.items():
        made.put(f"site/mat/{name}.py", text)
    made.put("site/mat/table.csv", "3")
    made.put("site/mat_extra.py", EXTRA)
    made.put("site/deplib.py", "VALUE = 4\n")
    for place in ("here", "there"):
        made.put(f"{place}/data.csv", "5")
        made.put(f"{place}/folder/a.txt", "6")
    monkeypatch.setenv("TASKS_STORE", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    registry.refresh()
    yield made
    monkeypatch.undo()
    registry.refresh()


def _distribution(world: World, name: str, file: str, point: str, requires: str) -> None:
    info = f"site/{name.replace('-', '_')}-1.0.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", "Summary: Some."]
    lines += [f"Requires-Dist: {requires}"] if requires else []
    world.put(f"{info}/METADATA", "\n".join([*lines, "", ""]))
    world.put(f"{info}/RECORD", f"{file},,\n")
    if point:
        world.put(f"{info}/entry_points.txt", f"[taskloom.domains]\n{point}\n")


def _same_time_and_size(world: World) -> None:
    path = world.root / "here" / "data.csv"
    before = path.stat()
    other = path.with_name("other.csv")
    other.write_text("7")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)


def _elsewhere(world: World) -> None:
    world.put("there/data.csv", "8")
    world.where = "there"


def _rerun_input(world: World) -> None:
    """Let the run that is an input be another one under the same reference."""
    world.put("first/data.csv", "50")
    world.put("first/folder/a.txt", "6")
    first, world.where, words = world.where, "first", world.words
    world.words = ["--name=input"]
    world.ask("run")
    world.where, world.words = first, words
    store = world.root / "runs"
    (made,) = [run for run in list_runs(store) if run.record.name == "input"]
    (world.root / "chosen").unlink()
    (world.root / "chosen").symlink_to(made.dir)


def _upgrade(world: World) -> None:
    site = world.root / "site"
    (site / "dep_lib-1.0.dist-info").rename(site / "dep_lib-2.0.dist-info")


# What changes, and the word that the reason holds.
KINDS: dict[str, tuple[Callable[[World], object], str]] = {
    "content of a file": (lambda w: w.put("here/data.csv", "50"), "data.csv changed"),
    "file with the old time and size": (_same_time_and_size, "data.csv changed"),
    "member of a folder": (lambda w: w.put("here/folder/b.txt", "9"), "folder changed"),
    "same path elsewhere": (_elsewhere, "data.csv changed"),
    "run that is an input": (_rerun_input, "changed"),
    "imported module": (lambda w: w.put("site/mat/eager.py", "ONE = 10\n"), "mat/eager.py"),
    "lazily imported module": (
        lambda w: w.put("site/mat/lazy.py", "def two():\n    return 20\n"),
        "mat/lazy.py",
    ),
    "data file of a package": (lambda w: w.put("site/mat/table.csv", "30"), "mat/table.csv"),
    "component of a plugin": (
        lambda w: w.put("site/mat_extra.py", EXTRA.replace("0.0", "1.0")),
        "mat_extra.py",
    ),
    "counted package": (_upgrade, "dep-lib 1.0 -> 2.0"),
    "secret": (lambda w: w.variables.update(MAT_KEY="longer"), "secret"),
    "version": (
        lambda w: w.put("site/mat/domain.py", MANIFEST.replace("version=1", "version=2")),
        "",
    ),
}
WAYS = [
    *(("run", name) for name in ("inline", "local")),
    *(("sweep", name) for name in ("inline", "local")),
    *(("--resume", name) for name in ("inline", "local")),
    *(("Python", name) for name in ("inline", "local")),
]
SAME_RESULT = ("counted package", "version")


def _ways(number: int) -> list[tuple[str, str]]:
    """Return the ways of a kind: all of them in the full size; else by the command line, and by one other in turn."""
    if size("matrix_ways") > 1:
        return WAYS
    inline = [way for way in WAYS if way[1] == "inline"]
    return [inline[number % len(inline)]]


CELLS = [
    (kind, way, executor) for number, kind in enumerate(KINDS) for way, executor in _ways(number)
]


@pytest.mark.parametrize(("kind", "way", "executor"), CELLS)
def test_change_is_another_run_and_no_change_is_none(
    world: World, kind: str, way: str, executor: str
) -> None:
    change, word = KINDS[kind]
    if kind == "run that is an input":
        assert world.ask("run")[0] == 0
        (world.root / "chosen").symlink_to(world.root / "runs" / world.sums()[0][0])
        world.words = ["--start=../chosen"]
    code, shown = world.ask(way, executor)
    assert code == 0, shown
    count = len(world.sums())
    for _ in range(size("matrix_repetitions") if executor == "inline" else 1):
        assert world.ask(way, executor)[0] == 0
    assert len(world.sums()) == count, "a needless run"
    first = world.sums()[-1]
    change(world)
    registry.refresh()
    code, shown = world.ask(way, executor)
    assert code == 0, shown
    second = world.sums()[-1]
    assert second[0] != first[0], f"a stale answer: {shown}"
    assert (second[1] == first[1]) == (kind in SAME_RESULT)
    if way != "Python":
        assert word in shown
    count = len(world.sums())
    assert world.ask(way, executor)[0] == 0
    assert len(world.sums()) == count, "a needless run after the change"


@pytest.mark.parametrize("kind", list(KINDS) if size("matrix_ways") > 1 else ["imported module"])
def test_interrupted_run_is_continued_only_as_it_was(world: World, kind: str) -> None:
    if kind in ("same path elsewhere", "secret", "version", "run that is an input"):
        pytest.skip("resume takes the run's own folder, secrets and references")
    change, word = KINDS[kind]
    assert world.ask("run", MAT_STOP="1")[0] == 143
    change(world)
    registry.refresh()
    code, shown = world.fork(lambda: main(["resume", "@last"]))
    assert code == 2
    assert word in shown
    assert world.sums() == []
    code, shown = world.fork(lambda: main(["resume", "@last", "--accept-changes", "--json"]))
    assert code == 0, shown
    ((_, value),) = world.sums()
    assert json.loads(shown[shown.index("{") :])["metrics"]["sum"] == value
