"""Run folders that anybody may have edited: nothing is executed, nothing escapes, and every refusal is one sentence."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from taskloom.errors import TaskloomError
from taskloom.records.documents import read_lines
from taskloom.runs import Run, list_runs, open_run
from taskloom.runs.checkpoints import newest_good
from taskloom.runs.index import documents
from taskloom.runs.record import RunRecord, write_record
from tests_sizes import size

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def _good(folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    write_record(
        folder / "run.json", RunRecord(folder.name, "probe", "walk", 1, "abc", {"steps": 3})
    )
    return json.loads((folder / "run.json").read_text())  # type: ignore[no-any-return]


def _look(store: Path, name: str) -> None:
    """Do what listings and reports do with a run; only our own errors may come, in one line."""
    with contextlib.suppress(TaskloomError):
        run = Run(store / name)
        assert isinstance(run.status, str)
        assert all(
            path.resolve().is_relative_to(run.dir.resolve()) for path in run.artifacts.values()
        )
        run.history()
        json.dumps(dict(run.config))


@settings(max_examples=size("hostile_examples"), deadline=None)
@given(field=st.sampled_from(sorted(RunRecord.__slots__)), value=_JSON)
def test_any_value_in_any_field_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: object
) -> None:
    store = tmp_path_factory.getbasetemp() / "hostile"
    good = _good(store / "run-a")
    (store / "run-a" / "run.json").write_text(json.dumps({**good, field: value}))
    _look(store, "run-a")
    documents(store)
    list_runs(store)


@settings(max_examples=size("hostile_examples"), deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    store = tmp_path_factory.getbasetemp() / "bytes"
    _good(store / "run-a")
    for name in ("metrics.jsonl", "log.jsonl", "lock"):
        (store / "run-a" / name).write_bytes(content)
    _look(store, "run-a")
    list(read_lines(store / "run-a", "log.jsonl"))
    (store / "run-a" / "run.json").write_bytes(content)
    _look(store, "run-a")
    documents(store)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 5000])
def test_huge_numbers_in_metric_lines_are_values_or_nothing(tmp_path: Path, number: str) -> None:
    _good(tmp_path / "run-a")
    (tmp_path / "run-a" / "metrics.jsonl").write_text(
        f'{{"step": 1, "t": 0.1, "loss": {number}}}\n{{"step": 2, "t": 0.2}}\n'
    )
    assert [row["step"] for row in open_run("run-a", tmp_path).history()][-1] == 2.0


def test_checkpoint_folders_that_are_links_are_no_checkpoints(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", folder / "000009")
    assert newest_good(folder) is None


def test_pickles_in_a_run_folder_are_never_opened(tmp_path: Path) -> None:
    folder = tmp_path / "run-a"
    _good(folder)
    bomb = b"cos\nsystem\n(S'touch " + str(tmp_path / "boom").encode() + b"'\ntR."
    checkpoint = folder / "checkpoints" / "000001"
    checkpoint.mkdir(parents=True)
    for path in (
        folder / "config.toml",
        folder / "env.json",
        checkpoint / "manifest.json",
        checkpoint / "state.pkl",
    ):
        path.write_bytes(bomb)
    _look(tmp_path, "run-a")
    assert newest_good(folder / "checkpoints") is None
    assert not (tmp_path / "boom").exists()
