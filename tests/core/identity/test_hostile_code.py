"""A `code.json` that another person may have written: what it names is compared, and nothing holds the comparison up."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from taskloom.errors import RunCorruptError
from taskloom.identity.code import read_code
from taskloom.identity.filecache import FileCache
from taskloom.identity.verify import changed_program
from taskloom.identity.why import explain
from taskloom.runs import Run
from taskloom.runs.record import RunRecord, write_record

NAMES = (
    "pipe",
    "/dev/zero",
    "/proc/kmsg",
    "/dev/tty",
    "/",
    "",
    "..",
    "x" * 5000,
    "a\0b",
    "\ud800",
    "loop",
)
ROOTS = ("/", "here", "cell", "os", "no_such_module", "a.b", "x" * 4000, "")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run with a record, in whose folder lie a pipe and a link to itself."""
    folder = tmp_path / "run-a"
    folder.mkdir()
    write_record(folder / "run.json", RunRecord("run-a", "probe", "walk", 1, "abc", {}, attempts=1))
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    return Run(folder)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_what_a_record_names_is_another_file_at_most(run: Run, name: str) -> None:
    place = {"pipe": str(run.dir / "pipe"), "loop": str(run.dir / "loop")}.get(name, name)
    roots = [str(run.dir) if root == "here" else root for root in ROOTS]
    rows = [
        {"dist": "", "root": root, "file": file, "sha256": sha}
        for root in roots
        for file in (name, place, f"{place}.py")
        for sha in ("ab" * 32, "", "mtime:1:2", "../../x")
    ]
    document = {"format": 1, "files": rows, "opened": {place: "ab" * 32, f"{place}x": ""}}
    document |= {"packages": {}, "python": "3.11", "device": "cpu", "could": ""}
    (run.dir / "code.json").write_text(json.dumps(document))
    began = time.monotonic()
    with FileCache() as files:
        reasons = changed_program(run, run.dir.parent, files)
        told = explain(run, None, run.dir.parent)
    assert time.monotonic() - began < 10
    assert all("\n" not in reason.sentence for reason in (*reasons, *told.reasons))


@pytest.mark.parametrize(
    "change",
    [
        {"files": None},
        {"files": [5]},
        {"files": [{"dist": "", "root": "", "file": "", "sha256": 1}]},
        {"opened": []},
        {"opened": {"a": 1}},
        {"python": 3},
        {"packages": {"numpy": None}},
    ],
    ids=str,
)
def test_code_of_another_type_is_damaged(run: Run, change: dict[str, object]) -> None:
    document = {"format": 1, "files": [], "opened": {}, "packages": {}, "python": "3.11"}
    document |= {"device": "cpu", "could": "", **change}
    (run.dir / "code.json").write_text(json.dumps(document))
    with pytest.raises(RunCorruptError):
        read_code(run.dir)
    with FileCache() as files:
        (reason,) = changed_program(run, run.dir.parent, files)
    assert "is not known" in reason.sentence


def test_no_file_is_shown_that_is_no_source_of_the_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("canary")
    row = {"dist": "", "root": str(tmp_path), "file": "private", "sha256": "ab" * 32}
    document = {"format": 1, "files": [row], "opened": {}, "packages": {}, "python": "3.11"}
    document |= {"device": "cpu", "could": ""}
    (run.dir / "code.json").write_text(json.dumps(document))
    with FileCache() as files:
        (reason, *_) = changed_program(run, tmp_path, files)
    assert "private" in reason.sentence
    assert "canary" not in explain(run, None, tmp_path).diff
