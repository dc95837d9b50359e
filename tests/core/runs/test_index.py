"""The index: a cache that follows the folders, and may be deleted, damaged, locked or read-only at any time."""

import json
import math
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from taskloom.records.folders import Damaged
from taskloom.runs import database
from taskloom.runs.choice import choose
from taskloom.runs.index import Index, documents, note, read_folders, rebuild
from taskloom.runs.record import RunRecord, write_record
from taskloom.runs.rows import ROW, TOLD


def _make(store: Path, name: str, **changes: object) -> Path:
    folder = store / name
    folder.mkdir(parents=True, exist_ok=True)
    created = f"2026-01-01T00:00:{len(os.listdir(store)):02d}Z"
    record = RunRecord(
        name, "probe", "walk", 1, "abc", {"steps": 3}, status="finished", created=created
    )
    write_record(
        folder / "run.json",
        RunRecord(**{**{f: getattr(record, f) for f in record.__slots__}, **changes}),
    )  # type: ignore[arg-type]
    return folder


def _names(store: Path) -> list[str]:
    found, _ = documents(store)
    return [document["folder"] for document in found]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for letter in "abc":
        _make(tmp_path, f"run-{letter}")
    return tmp_path


def test_index_agrees_with_the_folders(store: Path) -> None:
    assert documents(store)[0] == read_folders(store)[0]
    assert _names(store) == ["run-c", "run-b", "run-a"]
    with Index(store) as opened:
        assert [document["folder"] for document in opened.newest(2)] == ["run-c", "run-b"]
        assert opened.count() == 3


def _shelf(store: Path) -> Path:
    """Fill a store with runs whose fields have awkward names and values."""
    odd = {'quo"ted': 1.0, "dot.ted": 2.0, "gr\u00fcn": 3.0, "back\\slash": 4.0, "nan": math.nan}
    _make(store, "run-odd", metrics=odd, config={"a.b": 1, "a": {"b": 2, "c": {"d": True}}})
    _make(store, "run-more", metrics={"dot.ted": 0.5, "nan": 1.0}, config={"a": {"b": None}})
    _make(store, "run-gone", status="running", tags=("x", "y"), config={"a": [1, 2], "s": "text"})
    return store


@pytest.mark.parametrize(
    ("where", "order"),
    [
        (where, order)
        for where in ("", "status = crashed", "metrics.dot.ted > 1 or tags ~ x", "config.a.b = 1")
        for order in (
            *("", "name", "-created", "status", "metrics.dot.ted", "-metrics.gr\u00fcn"),
            *('metrics.quo"ted', "metrics.back\\slash", "-metrics.nan", "config.a.c.d", "config.s"),
        )
    ],
)
def test_a_choice_is_the_same_with_the_index_and_without(
    store: Path, monkeypatch: pytest.MonkeyPatch, where: str, order: str
) -> None:
    _shelf(store)
    parts = [slice, lambda count: slice(1, 3)]
    quick = [choose(store, [where] if where else [], order, part) for part in parts]
    monkeypatch.setattr(database, "_VERSION", "no number")  # no index can be used
    slow = [choose(store, [where] if where else [], order, part) for part in parts]
    assert quick == slow
    assert quick[0].total == 6


def test_leaves_follow_their_records(store: Path) -> None:
    def leaves() -> set[tuple[str, str]]:
        documents(store)
        with closing(sqlite3.connect(store / "index.sqlite")) as connection, connection:
            return set(connection.execute("SELECT path, name FROM leaves WHERE path LIKE '%.%'"))

    _make(store, "run-b", metrics={"loss": 1.0, "dot.ted": 2.0}, config={"a": {"b": 1}, "n": None})
    _make(store, "run-c", config={})
    _make(store, "run-a", config={})
    before = {("metrics.loss", "run-b"), ("metrics.dot.ted", "run-b"), ("config.a", "run-b")}
    assert leaves() == before
    note(_make(store, "run-b", metrics={"dot.ted": 3.0}, config={}))
    assert leaves() == {("metrics.dot.ted", "run-b")}
    shutil.rmtree(store / "run-b")
    assert leaves() == set()


def test_an_edited_index_decides_nothing(store: Path) -> None:
    documents(store)
    with closing(sqlite3.connect(store / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE runs SET row = 'no JSON' WHERE name = 'run-b'")
    chosen = choose(store, ["task = walk"], "name", slice)
    assert [row["folder"] for row in chosen.rows] == ["run-c", "run-b", "run-a"]
    documents(store)
    with closing(sqlite3.connect(store / "index.sqlite")) as connection, connection:
        connection.execute("""UPDATE runs SET row = '{"task": 7}' WHERE name = 'run-b'""")
    chosen = choose(store, [], "-task", slice)
    assert {row["task"] for row in chosen.rows} == {"walk"}  # it is whole, or read from its folder


def test_index_notices_folders_that_come_change_and_go(store: Path) -> None:
    assert len(_names(store)) == 3
    shutil.copytree(store / "run-a", store / "run-copy")
    shutil.rmtree(store / "run-b")
    _make(store, "run-c", summary="changed")
    _make(store, "run-d")
    found, damaged = documents(store)
    assert {document["folder"] for document in found} == {"run-a", "run-c", "run-d"}
    assert damaged == [Damaged("run-copy", "names another run: run-a")]
    assert next(d for d in found if d["folder"] == "run-c")["summary"] == "changed"


def test_deleted_index_loses_nothing(store: Path) -> None:
    before = documents(store)
    for suffix in ("", "-wal", "-shm"):
        (store / f"index.sqlite{suffix}").unlink(missing_ok=True)
    assert documents(store) == before


@pytest.mark.parametrize(
    "content", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_damaged_index_is_replaced(store: Path, content: bytes) -> None:
    before = documents(store)
    for suffix in ("-wal", "-shm"):
        (store / f"index.sqlite{suffix}").unlink(missing_ok=True)
    (store / "index.sqlite").write_bytes(content)
    assert documents(store) == before


def test_index_of_another_version_is_replaced(store: Path) -> None:
    documents(store)
    connection = sqlite3.connect(store / "index.sqlite")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert len(_names(store)) == 3


def test_locked_index_falls_back_to_the_folders(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.05)
    documents(store)
    _make(store, "run-d")
    blocker = sqlite3.connect(store / "index.sqlite", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        assert _names(store) == ["run-d", "run-c", "run-b", "run-a"]
        note(store / "run-d")  # waits its moment, gives up, and raises nothing
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()


def test_note_brings_one_row_up_to_date(store: Path) -> None:
    documents(store)
    folder = _make(store, "run-e", identity="xyz", sweep="s-1")
    note(folder)
    connection = sqlite3.connect(store / "index.sqlite")
    assert connection.execute("SELECT status FROM runs WHERE name = 'run-e'").fetchone() == (
        "finished",
    )
    connection.close()
    with Index(store) as opened:
        assert [document["folder"] for document in opened.having("identity", "xyz")] == ["run-e"]
        assert [document["folder"] for document in opened.having("sweep", "s-1")] == ["run-e"]
        with pytest.raises(ValueError, match="no index by"):
            opened.having("record; DROP TABLE runs", "x")


def test_note_outside_of_a_store_does_nothing(tmp_path: Path) -> None:
    note(tmp_path / "Not An Id")
    note(tmp_path / "absent")
    assert os.listdir(tmp_path) == []


def test_truncated_records_are_reported_and_leave_the_list(store: Path) -> None:
    documents(store)
    (store / "run-b" / "run.json").write_text("{")
    found, broken = documents(store)
    assert [document["folder"] for document in found] == ["run-c", "run-a"]
    assert [item.folder for item in broken] == ["run-b"]
    assert broken[0].reason.startswith("run.json: Expecting")


def test_rebuild_counts_and_reports(store: Path) -> None:
    (store / "run-b" / "run.json").write_text("[]")
    count, broken = rebuild(store)
    assert (count, len(broken)) == (2, 1)


def test_absent_store_is_empty(tmp_path: Path) -> None:
    assert documents(tmp_path / "absent") == ([], [])


def test_many_threads_may_use_one_index(store: Path) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            folder = _make(store, f"thread-{number}")
            for _ in range(5):
                note(folder)
                documents(store)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(_names(store)) == 11


def test_records_survive_the_index_unchanged(store: Path) -> None:
    folder = _make(
        store, "run-x", metrics={"a": float("nan"), "b": float("inf")}, summary='quote " and \u2603'
    )
    raw = json.loads((folder / "run.json").read_text())
    found = next(document for document in documents(store)[0] if document["folder"] == "run-x")
    assert found == {
        **{name: raw[name] for name in ROW},
        **dict.fromkeys(TOLD, ""),
        "folder": "run-x",
    }
