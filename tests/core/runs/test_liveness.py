"""The lock of a run: exclusive, released by death, kept by no orphan, and replaced by a heartbeat elsewhere."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from taskloom.errors import StoreLockedError
from taskloom.runs import liveness
from taskloom.runs.liveness import HEARTBEAT_PERIOD, RunLock, is_alive


def _other_machine(path: Path, age: float, **changes: object) -> None:
    holder = {
        "pid": 1,
        "host": "elsewhere",
        "machine": "another-boot",
        "locks": True,
        "alive": True,
        **changes,
    }
    path.write_text(json.dumps(holder))
    os.utime(path, (time.time() - age, time.time() - age))


def test_lock_is_alive_until_released(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = RunLock(path)
    assert is_alive(path)
    lock.release()
    lock.release()
    assert not is_alive(path)


def test_lock_refuses_a_second_writer_and_names_the_first(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = RunLock(path)
    with pytest.raises(StoreLockedError, match=f"process {os.getpid()} on {os.uname().nodename}"):
        RunLock(path, patience=0.05)
    lock.release()
    RunLock(path).release()


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = f"from taskloom.runs.liveness import RunLock; from pathlib import Path; l = RunLock(Path({str(path)!r})); print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    assert is_alive(path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    assert not is_alive(path)


def test_lock_is_not_kept_by_a_forked_child_that_outlives_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, time; from pathlib import Path; from taskloom.runs.liveness import RunLock\n"
        f"lock = RunLock(Path({str(path)!r}))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    os.close(1)\n    time.sleep(60)\n    os._exit(0)\n"
        "print(pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    orphan = int(done.stdout)
    try:
        os.kill(orphan, 0)
        assert not is_alive(path)
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_run_of_another_machine_lives_by_its_heartbeat(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    _other_machine(path, age=2 * HEARTBEAT_PERIOD)
    assert is_alive(path)
    _other_machine(path, age=3.5 * HEARTBEAT_PERIOD)
    assert not is_alive(path)


def test_heartbeat_from_the_future_is_no_proof_of_death(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    _other_machine(path, age=-86_400)
    assert is_alive(path)


def test_heartbeat_touches_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "HEARTBEAT_PERIOD", 0.02)
    path = tmp_path / "lock"
    lock = RunLock(path)
    os.utime(path, (0, 0))
    end = time.monotonic() + 5
    while path.stat().st_mtime == 0 and time.monotonic() < end:
        time.sleep(0.01)
    lock.release()
    assert path.stat().st_mtime > 0


def test_file_system_without_locks_falls_back_to_the_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(liveness.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(liveness.fcntl, "flock", refuse)
    path = tmp_path / "lock"
    lock = RunLock(path)
    assert not lock.has_locks
    assert is_alive(path)
    with pytest.raises(StoreLockedError):
        RunLock(path)
    lock.release()
    assert not is_alive(path)
    RunLock(path).release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"machine": 3}'])
def test_damaged_lock_file_means_dead(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lock"
    path.write_bytes(content)
    os.utime(path, (0, 0))
    assert not is_alive(path)


def test_missing_lock_file_means_dead(tmp_path: Path) -> None:
    assert not is_alive(tmp_path / "lock")
