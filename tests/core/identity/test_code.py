"""The code that ran: every kind of edit that computes something is found, and no other."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from taskloom import Config, RunRef
from taskloom.cli import main
from taskloom.errors import ConfigError, UsageError
from taskloom.identity.code import DATA_LIMIT, read_code
from taskloom.identity.filecache import FileCache
from taskloom.identity.inputs import collect_inputs
from taskloom.identity.machine import GivenDevices, device_now
from taskloom.identity.records import Input, Reason
from taskloom.identity.verify import changed_program
from taskloom.runs.record import write_record
from taskloom.runs.run import Run, list_runs

Install = Callable[..., Path]

MANIFEST = """
from taskloom import DomainRef, TaskRef
DOMAIN = DomainRef(name="lab", summary="A case.", extra="", tasks=(
    TaskRef("count", "Count.", "lab.count:Count"),
))
"""
TASK = '''
"""A task."""
from pathlib import Path
from lab.eager import ONE
from taskloom import Config, Result, RunContext

class Count(Config):
    def run(self, ctx: RunContext) -> Result:
        from lab.lazy import two
        read = (Path.cwd() / "read.txt").read_text()
        return Result({"sum": ONE + two() + len(read)})
'''
FLAT_MANIFEST = """
from taskloom import DomainRef, TaskRef
DOMAIN = DomainRef(name="flat", summary="A case.", extra="", tasks=(TaskRef("one", "One.", "flat_task:One"),))
"""
FLAT_TASK = """
from pathlib import Path
from flat_helper import heads
from taskloom import Config, Result, RunContext

MODEL = Path(__file__).with_name("model.xml")

class One(Config):
    def run(self, ctx: RunContext) -> Result:
        return Result({"heads": heads()})
"""


def run_once(site: Path, *words: str) -> Run:
    """Run a task of a plugin in a process of its own, and return the run."""
    store = site.parent / "store"
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    # The folder of a test lies where nobody's data do.
    (site.parent / "tmp").mkdir(exist_ok=True)
    subprocess.run(
        [str(Path(sys.executable).with_name("tasks")), "run", *words, "--store", str(store), "-q"],
        env={**environment, "TMPDIR": str(site.parent / "tmp")},
        cwd=site.parent,
        check=True,
        capture_output=True,
    )
    return list_runs(store)[-1]


@pytest.fixture
def package(install: Install) -> Path:
    """Return the folder of a plugin that is a package with eager, lazy and unused modules, and data."""
    site = install(
        "lab",
        "[taskloom.domains]\nlab = lab.domain:DOMAIN\n",
        lab____init__="",
        lab__domain=MANIFEST,
        lab__count=TASK,
        lab__eager="ONE = 1\n",
        lab__lazy="def two():\n    return 2\n",
        lab__unused="THREE = 3\n",
        lab__report="FOUR = 4\n",
    )
    (site / "lab" / "table.csv").write_text("1,2\n")
    (site.parent / "read.txt").write_text("read")
    return site


def reasons(run: Run) -> list[Reason]:
    with FileCache() as files:
        return changed_program(run, run.dir.parent, files)


def test_every_edit_of_a_package_is_found_and_undone(package: Path) -> None:
    run = run_once(package, "lab", "count")
    lab = package / "lab"
    assert reasons(run) == []
    edits = {
        "eager.py": ("ONE = 1\n", "ONE = 2\n", "lab/eager.py"),
        "lazy.py": ("return 2", "return 3", "lab/lazy.py"),
        "count.py": ("ONE + two()", "ONE - two()", "lab/count.py"),
        "table.csv": ("1,2", "1,3", "lab/table.csv"),
        "../../read.txt": ("read", "other", "read.txt"),
    }
    for name, (before, after, told) in edits.items():
        path = lab / name
        text = path.read_text()
        path.write_text(text.replace(before, after))
        (found,) = reasons(run)
        assert found.kind == "code"
        assert told in found.sentence
        assert run.id in found.sentence
        assert run.id not in found.about
        path.write_text(text)
        assert reasons(run) == []


def test_edits_that_compute_nothing_are_no_reason(package: Path) -> None:
    run = run_once(package, "lab", "count")
    lab = package / "lab"
    (lab / "unused.py").write_text("THREE = 4\n")
    (lab / "report.py").write_text("FOUR = 5\n")
    (lab / "domain.py").write_text(MANIFEST.replace("A case.", "Another."))
    (lab / "eager.py").write_text("# a comment\nONE   =  1\n")
    (lab / "count.py").write_text(TASK.replace("A task.", "The task."))
    assert reasons(run) == []


def test_removed_file_and_package_of_the_same_name_are_found(package: Path) -> None:
    run = run_once(package, "lab", "count")
    lab = package / "lab"
    (lab / "lazy").mkdir()
    (lab / "lazy" / "__init__.py").write_text("def two(): return 9\n")
    assert [reason.about for reason in reasons(run)] == ["code changed: 1 file (lab/lazy.py)"]
    (lab / "lazy" / "__init__.py").unlink()
    (lab / "lazy.py").unlink()
    assert [reason.about for reason in reasons(run)] == ["code changed: 1 file (lab/lazy.py)"]


def test_flat_module_counts_with_its_imported_siblings_and_named_data(install: Install) -> None:
    site = install(
        "flat-case",
        "[taskloom.domains]\nflat = flat_manifest:DOMAIN\n",
        flat_manifest=FLAT_MANIFEST,
        flat_task=FLAT_TASK,
        flat_helper="def heads():\n    return 0.0\n",
        flat_other="",
    )
    (site / "model.xml").write_text("<mujoco/>")
    (site / "notes.txt").write_text("not named")
    run = run_once(site, "flat", "one")
    code = read_code(run.dir)
    assert code is not None
    assert [row.file for row in code.files if row.dist != "taskloom-core"] == [
        "flat_helper.py",
        "flat_task.py",
        "model.xml",
    ]
    (site / "notes.txt").write_text("edited")
    assert reasons(run) == []
    (site / "model.xml").write_text("<mujoco model='other'/>")
    assert "model.xml" in reasons(run)[0].sentence


def test_version_of_a_counted_package_and_of_python_count_and_damage_is_told(package: Path) -> None:
    run = run_once(package, "lab", "count")
    path = run.dir / "code.json"
    value = json.loads(path.read_text())
    assert "taskloom-core" in value["packages"]
    value |= {"packages": {**value["packages"], "numpy": "0.1"}, "python": "3.1"}
    path.write_text(json.dumps(value))
    told = [reason.sentence for reason in reasons(run)]
    assert told[0] == f"Python 3.1 -> {sys.version_info.major}.{sys.version_info.minor}"
    assert told[1].startswith("numpy 0.1 -> ")
    settings = run.dir.parent / "store.toml"
    settings.write_text('[tool.taskloom]\nrecorded-only = ["NumPy"]\n')
    assert [reason.sentence for reason in reasons(run)] == told[:1]
    settings.write_text('[tool.taskloom]\nrecorded-only = "numpy"\n')
    with pytest.raises(ConfigError, match="must be a list of names"):
        reasons(run)
    settings.unlink()
    for damage in ("", "[]", '{"files": 1}', '{"files": [{}], "opened": {}}', "[" * 100_000):
        path.write_text(damage)
        (found,) = reasons(run)
        assert "is not known" in found.sentence
    path.unlink()
    assert "is not known" in reasons(run)[0].sentence


def test_edit_after_the_import_is_not_taken_for_the_code_that_ran(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(package.parent)
    monkeypatch.setenv("TASKS_STORE", str(package.parent / "store"))
    assert main(["run", "lab", "count", "--quiet"]) == 0
    (package / "lab" / "eager.py").write_text("ONE = 10\n")
    assert main(["run", "lab", "count", "--quiet", "--force"]) == 0
    first, second = list_runs(package.parent / "store")
    assert first.metrics == second.metrics
    assert read_code(first.dir) == read_code(second.dir)
    assert first.record.computation == second.record.computation
    assert main(["runs", "log", second.id]) == 0
    assert "eager.py was edited after it was imported" in capsys.readouterr().out
    importlib.reload(sys.modules["lab.eager"])
    importlib.reload(sys.modules["lab.count"])
    assert main(["run", "lab", "count", "--quiet", "--force"]) == 0
    third = list_runs(package.parent / "store")[-1]
    assert third.record.computation != second.record.computation


def test_run_that_is_input_counts_by_what_it_computed(package: Path, tmp_path: Path) -> None:
    class Reads(Config):
        start: RunRef = ""

    made = run_once(package, "lab", "count")
    store = made.dir.parent

    def found(reference: str) -> Input:
        (item,) = collect_inputs(Reads(start=reference), tmp_path, store, FileCache())
        return item

    by_id = found(made.id)
    assert by_id.kind == "run"
    assert found("@last").sha256 == found(str(made.dir)).sha256 == by_id.sha256
    again = run_once(package, "lab", "count", "--seed=1")
    assert found(again.id).sha256 != by_id.sha256
    (kept,) = collect_inputs(
        Reads(start="@last"),
        tmp_path,
        store,
        FileCache(),
        recorded=[replace(by_id, typed="@last")],
    )
    assert kept.path == str(made.dir)
    write_record(made.layout.record, replace(made.record, status="stopped"))
    with pytest.raises(UsageError, match=r"start names the run .*, which is stopped; it must have"):
        found(made.id)


def test_data_beyond_the_limit_is_said_to_count_by_time(package: Path) -> None:
    large = package / "lab" / "weights.bin"
    with large.open("wb") as file:
        file.truncate(DATA_LIMIT + 1)
    run = run_once(package, "lab", "count")
    said = run.layout.log.read_text()
    assert "beyond 64 MiB count by size and time, not by content: lab/weights.bin" in said
    assert reasons(run) == []
    os.utime(large, (1, 1))
    (found,) = reasons(run)
    assert "lab/weights.bin" in found.sentence


@pytest.mark.parametrize(
    ("device", "could", "gpus", "now", "has", "expected"),
    [
        ("cpu", "", 0, 1, True, "cpu"),  # none of its libraries knows devices
        ("cpu", "cuda", 0, 1, True, "cuda"),  # it is given one now
        ("cuda", "cuda", 1, 0, True, "cpu"),  # and here none
        ("cpu", "cpu", 1, 1, True, "cpu"),  # it had one, and had no use for it
        ("cuda", "cuda", 0, 0, True, "cuda"),  # it looks by itself
        ("cuda", "cuda", 0, 0, False, "cpu"),
        ("cpu", "cpu", 0, 0, True, "cuda"),  # there was none to look for
        ("cpu", "cuda", 0, 0, True, "cpu"),  # there was one, and it used none
        ("cpu", "cpu", 0, 0, False, "cpu"),
    ],
)
def test_the_kind_of_device_of_now_follows_from_what_a_run_had(
    device: str,
    could: str,
    gpus: int,
    now: int,
    has: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exists = os.path.exists
    monkeypatch.setattr(
        os.path, "exists", lambda path: has if "nvidia" in str(path) else exists(path)
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert device_now(device, could, gpus, GivenDevices(now)) == expected
    if has:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert device_now(device, could, gpus, GivenDevices(gpus)) != "cuda" or gpus
