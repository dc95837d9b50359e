"""Writing and reading: torn lines, damaged files, numbers that JSON lacks, disks that refuse."""

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from taskloom.errors import RunCorruptError, StoreError
from taskloom.records.checks import decode_number
from taskloom.records.documents import read_lines, read_object
from taskloom.runs.writer import JsonLines, atomic_write, encode_number


def test_atomic_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, "one")
    atomic_write(path, "two")
    assert path.read_text() == "two"
    assert os.listdir(tmp_path) == ["a.json"]


def test_atomic_write_that_fails_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, "one")
    with pytest.raises(UnicodeEncodeError):
        atomic_write(path, "\ud800")
    assert path.read_text() == "one"


def test_atomic_write_into_a_missing_folder_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Cannot write .*b\.json"):
        atomic_write(tmp_path / "absent" / "b.json", "text")


def test_json_lines_survive_truncation_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    lines = JsonLines(path)
    for step in range(3):
        lines.append(json.dumps({"step": step, "loss": 0.5}))
    lines.close()
    whole = path.read_bytes()
    second_end = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for size in range(second_end, len(whole)):
        path.write_bytes(whole[:size])
        assert [row["step"] for row in read_lines(path.parent, path.name)] == [0, 1]
        again = JsonLines(path)
        again.append(json.dumps({"step": 9}))
        again.close()
        assert [row["step"] for row in read_lines(path.parent, path.name)] == [0, 1, 9]


def test_json_lines_repair_a_tail_longer_than_one_block(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"step": 1}\n' + b"x" * 200_000)
    JsonLines(path).close()
    assert path.read_bytes() == b'{"step": 1}\n'


def test_json_lines_refuse_a_symbolic_link(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep")
    (tmp_path / "m.jsonl").symlink_to(target)
    with pytest.raises(StoreError):
        JsonLines(tmp_path / "m.jsonl")
    assert target.read_text() == "keep"


def test_read_lines_leave_out_damaged_lines(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"step": 1}\n\x00\x00\n[1]\n' + b"[" * 100_000 + b'\n{"step": 2}\n{"st')
    assert [row["step"] for row in read_lines(path.parent, path.name)] == [1, 2]


def test_read_lines_of_a_missing_file_are_none(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path, "absent.jsonl")) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 1}x', b"\xff\xfe", b"[" * 100_000])
def test_read_object_names_the_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunCorruptError, match=r"run\.json is damaged"):
        read_object(tmp_path, "run.json")


@given(st.floats())
def test_numbers_survive_json(value: float) -> None:
    back = decode_number(json.loads(json.dumps(encode_number(value), allow_nan=False)))
    assert back is not None
    assert back == value or (math.isnan(back) and math.isnan(value))


@pytest.mark.parametrize("value", [None, True, "nan", "1.0", [], {}])
def test_decode_number_refuses_what_is_no_number(value: object) -> None:
    assert decode_number(value) is None
