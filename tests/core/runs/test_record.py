"""run.json: every field survives, every damage is found, and the status machine holds."""

import json
import math
from pathlib import Path

import pytest
from taskloom import Resources
from taskloom.errors import RunCorruptError, StoreError
from taskloom.records.run_record import read_record
from taskloom.runs.record import Failure, RunRecord, begin_attempt, write_record

_LATER = (
    "failure", "exit_code", "sinks", "keep_best", "headline", "units", "output", "changes", "report",
    "code", "origin",
)  # fmt: skip
"""Fields that a record may lack, because an older taskloom wrote it."""


def _record(**changes: object) -> RunRecord:
    basis = RunRecord("r-1", "probe", "walk", 1, "abc", {"steps": 3, "nested": {"a": [1, None]}})
    return basis if not changes else RunRecord(**{**_fields(basis), **changes})  # type: ignore[arg-type]


def _fields(record: RunRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__slots__}


def test_record_survives_the_disk(tmp_path: Path) -> None:
    record = _record(
        tags=("a", "b"),
        argv=("tasks", "run"),
        resources=Resources(cpus=2, time_limit=1.5),
        metrics={"loss": -math.inf, "accuracy": 0.1 + 0.2},
        artifacts={"plot": "artifacts/plot.svg"},
        failure=Failure("ValueError", "no", "trace"),
        exit_code=1,
        seeds={"data": 2**62},
    )
    write_record(tmp_path / "run.json", record)
    assert read_record(tmp_path / "run.json") == record


def test_record_truncated_anywhere_is_corrupt_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_record(path, _record())
    whole = path.read_bytes().rstrip()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(RunCorruptError, match=r"run\.json"):
            read_record(path)


def test_record_with_a_field_of_another_type_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_record(path, _record())
    good = json.loads(path.read_text())
    for field in good:
        for bad in ([], {"a": object.__name__}, 1.5, "text", None):
            if isinstance(bad, type(good[field])) or (
                field in ("failure", "exit_code", "duration")
            ):
                continue
            path.write_text(json.dumps({**good, field: bad}))
            with pytest.raises(RunCorruptError):
                read_record(path)
        path.write_text(json.dumps({key: value for key, value in good.items() if key != field}))
        if field not in _LATER:
            with pytest.raises(RunCorruptError):
                read_record(path)


def test_record_of_a_newer_format_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_record(path, _record())
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(RunCorruptError, match="format 99"):
        read_record(path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("finished", "running"),
        ("finished", "failed"),
        ("created", "finished"),
        ("stopped", "finished"),
        ("failed", "stopped"),
    ],
)
def test_status_machine_refuses_steps_it_does_not_have(before: str, after: str) -> None:
    with pytest.raises(StoreError, match=f"cannot become {after}"):
        _record(status=before).becoming(after)  # type: ignore[arg-type]


def test_begin_attempt_counts_and_forgets_the_last_failure() -> None:
    failed = _record(
        status="failed",
        failure=Failure("E", "m"),
        exit_code=1,
        attempts=1,
        started="2026-01-01T00:00:00Z",
    )
    again = begin_attempt(failed)
    assert (again.status, again.attempts, again.failure, again.exit_code) == (
        "running",
        2,
        None,
        None,
    )
    assert again.started == "2026-01-01T00:00:00Z"
