"""The look-up of a run by its identity: through the index, without decoding another record, and without the index too."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from taskloom.config import Config
from taskloom.identity.identify import Identified
from taskloom.runs import index
from taskloom.runs.database import NAME
from taskloom.runs.lookup import alike
from taskloom.runs.record import RunRecord, write_record


def _make(
    store: Path,
    name: str,
    identity: str,
    second: int,
    status: str = "finished",
    config_id: str = "",
) -> None:
    (store / name).mkdir(parents=True)
    created = f"2026-01-01T00:00:{second:02d}Z"
    record = RunRecord(
        *(name, "probe", "walk", 1, identity, {"steps": 3}),
        status=status,  # type: ignore[arg-type]  # one of the literals
        created=created,
        config_id=config_id,
    )
    write_record(store / name / "run.json", record)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    _make(tmp_path, "run-a", "one", 1)
    _make(tmp_path, "run-b", "one", 2)
    _make(tmp_path, "run-c", "one", 3, "failed")
    _make(tmp_path, "run-d", "two", 4)
    return tmp_path


def _id(identity: str, store: Path, *, is_finished: bool = True) -> str | None:
    now = Identified(f"config of {identity}", identity, (), store, Config(), store)
    runs = alike([now])[identity]
    return next((run.id for run in runs if (run.status == "finished") is is_finished), None)


def test_the_newest_run_that_has_or_has_not_finished_is_found(store: Path) -> None:
    assert _id("one", store) == "run-b"
    assert _id("one", store, is_finished=False) == "run-c"
    assert _id("two", store) == "run-d"
    assert _id("two", store, is_finished=False) is None
    assert _id("three", store) is None


def test_no_other_record_is_decoded(store: Path) -> None:
    assert _id("one", store) == "run-b"
    with closing(sqlite3.connect(store / NAME)) as connection, connection:
        connection.execute("UPDATE runs SET row = 'no JSON' WHERE identity != 'one'")
    connection.close()
    assert _id("one", store) == "run-b"
    with closing(sqlite3.connect(store / NAME)) as connection, connection:
        kept = connection.execute("SELECT count(*) FROM runs WHERE row = 'no JSON'").fetchone()
    connection.close()
    assert kept == (1,)
    # A listing decodes them all: the cache is thrown away, and the folders answer.
    assert index.documents(store)[0] == index.read_folders(store)[0]
    assert not (store / NAME).exists()


def test_a_run_that_came_or_went_behind_the_index_is_noticed(store: Path) -> None:
    assert _id("one", store) == "run-b"
    (store / "run-b" / "run.json").unlink()
    assert _id("one", store) == "run-a"
    _make(store, "run-e", "one", 9)
    assert _id("one", store) == "run-e"


def test_without_an_index_the_folders_answer(store: Path) -> None:
    (store / NAME).mkdir()  # so that SQLite cannot open it
    assert _id("one", store) == "run-b"
    assert index.having(store, "identity", ["two"]) == [
        document for document in index.read_folders(store)[0] if document["identity"] == "two"
    ]


def test_a_store_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert _id("one", tmp_path / "absent") is None
    assert not (tmp_path / "absent").exists()


def test_a_run_of_the_same_command_is_found_although_its_inputs_were_others(store: Path) -> None:
    _make(store, "run-f", "of other inputs", 7, config_id="config of one")
    now = Identified("config of one", "one", (), store, Config(), store)
    other = Identified("config of two", "two", (), store, Config(), store)
    found = alike([now, other], {"three": "two"})
    assert [run.id for run in found["one"]] == ["run-f", "run-c", "run-b", "run-a"]
    assert [run.id for run in found["two"]] == ["run-d"]
