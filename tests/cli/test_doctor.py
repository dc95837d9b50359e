"""`tasks doctor` never needs what it examines, and says what a store keeps and what the machine can do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from taskloom.cli import main
from taskloom.cli.commands import doctor, doctor_store


@pytest.fixture
def facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:  # noqa: ANN401 -- a function of no arguments
    monkeypatch.setenv("TASKS_STORE", str(tmp_path))

    def ask() -> dict[tuple[str, str], dict[str, str]]:
        capsys.readouterr()
        assert main(["doctor", "--json"]) in (0, 3)
        told = json.loads(capsys.readouterr().out)["facts"]
        return {(fact["area"], fact["name"]): fact for fact in told}

    return ask


def test_doctor_names_what_the_machine_can_do(facts: Any) -> None:  # noqa: ANN401
    found = facts()
    assert found["machine", "locks"]["text"] == "flock"
    assert found["machine", "fork"]["text"] == "yes"
    assert "SIGTERM" in found["machine", "signals"]["text"]
    assert found["store", "locks"]["text"] == "exclude other processes of this machine"
    assert found["store", "file system"]["text"] not in ("", "unknown")


def test_doctor_examines_without_filelock(facts: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setitem(sys.modules, "filelock", None)
    found = facts()
    assert found["store", "locks"]["state"] == "wrong"
    assert "filelock" in found["store", "locks"]["text"]
    assert found["store", "renames"]["state"] == "ok"


def test_doctor_sees_locks_that_exclude_no_one(
    facts: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor_store, "_ASK", "print(True)")  # what the other process would say
    found = facts()
    assert found["store", "locks"]["state"] == "wrong"
    assert 'locks = "lease"' in found["store", "locks"]["remedy"]


def test_examination_that_raises_hides_no_other(
    facts: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def raising() -> Iterator[object]:
        raise RuntimeError("no such thing here")
        yield

    monkeypatch.setattr(doctor, "machine", raising)
    found = facts()
    assert found["machine", "examination"]["text"] == "RuntimeError: no such thing here"
    assert ("store", "writable") in found


def test_doctor_says_what_a_store_keeps_beside_its_runs(facts: Any, tmp_path: Path) -> None:  # noqa: ANN401
    (tmp_path / ".cache" / "series").mkdir(parents=True)
    (tmp_path / ".cache" / "series" / "x").write_bytes(bytes(3 * 2**20))
    assert facts()["store", ".cache"]["text"] == "3.0 MiB in 1 files"
