"""The lock of a run: exclusive, released by death, kept by no orphan, and judged without comparing clocks."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest
from taskloom.errors import ConfigError, StoreLockedError
from taskloom.runs import heartbeats, holders, locks
from taskloom.runs.holders import lease_path, probe, read_holder
from taskloom.runs.locks import acquire, declare_dead
from tests_sizes import size

# Children are forked here, in a worker that other tests may have loaded JAX into; they use nothing of it.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork")

LEASE = 0.6  # [s] in these tests

# Before anything else in a process: a file system without locks, a short lease, and a clock that is ten years off.
WITHOUT_LOCKS = """
import errno, fcntl, os, sys, time
from pathlib import Path
def refuse(descriptor, operation):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
ten_years = float(os.environ.get("YEARS", "0")) * 31556952
real_time, real_utime = time.time, os.utime
time.time = lambda: real_time() + ten_years
from taskloom.runs import holders, locks
holders.LEASE = locks.LEASE = float(os.environ["LEASE"])
locks.HEARTBEAT = holders.LEASE / 3
from taskloom.errors import StoreLockedError
from taskloom.runs.locks import acquire
path = Path(sys.argv[1])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder / "lock"


@pytest.fixture(autouse=True)
def _observed_anew() -> Iterator[None]:
    heartbeats._seen.clear()
    yield
    heartbeats._seen.clear()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a lease short."""
    for module in (holders, locks):
        monkeypatch.setattr(module, "LEASE", LEASE)
    monkeypatch.setattr(locks, "HEARTBEAT", LEASE / 3)


@pytest.fixture
def leased(path: Path) -> Path:
    """A lock in a store whose settings ask for leases."""
    (path.parent.parent / "store.toml").write_text('locks = "lease"\n')
    return path


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system have no locks."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)


def elsewhere(path: Path, **changes: object) -> None:
    """Write what a holder on another machine would."""
    holder = {
        "pid": 1,
        "host": "elsewhere",
        "machine": "another-boot",
        "locks": True,
        "alive": True,
    }
    path.write_text(json.dumps({**holder, **changes}))


def start(path: Path, code: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WITHOUT_LOCKS + code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "LEASE": str(LEASE), **environment},
    )


def test_lock_is_alive_until_released(path: Path) -> None:
    lock = acquire(path)
    assert probe(path) == "alive"
    lock.release()
    lock.release()
    assert probe(path) == "dead"


def test_lock_refuses_a_second_writer_and_names_the_first(path: Path) -> None:
    lock = acquire(path)
    with pytest.raises(StoreLockedError, match=f"process {os.getpid()} on {os.uname().nodename}"):
        acquire(path, patience=0.05)
    lock.release()
    acquire(path).release()


@pytest.mark.parametrize("kind", ["native", "lease"])
def test_lock_of_a_killed_process_is_free(path: Path, kind: str) -> None:
    (path.parent.parent / "store.toml").write_text(f'locks = "{kind}"\n')
    code = "from taskloom.runs.locks import acquire; from pathlib import Path; import sys; l = acquire(Path(sys.argv[1])); print(l.kind, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().decode().strip() == kind
        assert probe(path) == "alive"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert probe(path) == "dead"
    acquire(path).release()


def test_lock_is_not_kept_by_a_forked_child_that_outlives_its_parent(path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from taskloom.runs.locks import acquire\n"
        "lock = acquire(Path(sys.argv[1]))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    os.close(1)\n    time.sleep(60)\n    os._exit(0)\n"
        "print(pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, check=False
    )
    orphan = int(done.stdout)
    try:
        os.kill(orphan, 0)
        assert probe(path) == "dead"
    finally:
        os.kill(orphan, signal.SIGKILL)


@pytest.mark.usefixtures("short")
def test_run_of_another_machine_is_alive_if_its_heartbeat_changes_and_dead_if_not(
    path: Path,
) -> None:
    elsewhere(path)
    assert probe(path) == "unknown"
    os.utime(path, (0, 0))
    assert probe(path) == "alive"
    time.sleep(1.1 * LEASE)
    assert probe(path) == "dead"


@pytest.mark.usefixtures("short")
def test_what_one_process_has_observed_the_next_one_knows(path: Path) -> None:
    elsewhere(path)
    assert probe(path) == "unknown"
    heartbeats._seen.clear()  # as in another process
    os.utime(path, (0, 0))
    assert probe(path) == "alive"
    heartbeats._seen.clear()
    assert probe(path) == "alive"
    time.sleep(1.1 * LEASE)
    heartbeats._seen.clear()
    assert probe(path) == "dead"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": 3}', b'{"a": [{}, 1, 2]}', b"\xff"])
def test_damaged_observations_are_made_anew(path: Path, content: bytes) -> None:
    elsewhere(path)
    cache = path.parent.parent / ".cache"
    cache.mkdir()
    (cache / "heartbeats.json").write_bytes(content)
    assert probe(path) == "unknown"


def test_clock_that_is_ten_years_off_proves_nothing(path: Path) -> None:
    for age in (-3e8, 3e8):
        elsewhere(path)
        os.utime(path, (time.time() - age, time.time() - age))
        assert probe(path) in ("unknown", "alive")


def test_lock_of_an_earlier_boot_of_this_machine_is_free(path: Path) -> None:
    elsewhere(path, host=os.uname().nodename)
    assert probe(path) == "dead"
    acquire(path).release()


@pytest.mark.usefixtures("short")
def test_lock_signed_on_another_machine_is_taken_only_after_it_was_observed(path: Path) -> None:
    elsewhere(path)
    with pytest.raises(StoreLockedError, match="process 1 on elsewhere"):
        acquire(path)
    said: list[str] = []
    acquire(path, told=said.append).release()
    assert len(said) == 1
    assert "whether process 1 on elsewhere is alive" in said[0]


def test_heartbeat_touches_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "HEARTBEAT", 0.02)
    lock = acquire(path)
    os.utime(path, (0, 0))
    end = time.monotonic() + 5
    while path.stat().st_mtime == 0 and time.monotonic() < end:
        time.sleep(0.01)
    lock.release()
    assert path.stat().st_mtime > 0


@pytest.mark.usefixtures("refused")
def test_file_system_without_locks_gets_a_lease(path: Path) -> None:
    lock = acquire(path)
    assert lock.kind == "lease"
    assert probe(path) == "alive"
    with pytest.raises(StoreLockedError):
        acquire(path, patience=0.0)
    lock.release()
    assert probe(path) == "dead"
    assert not lease_path(path).exists()
    acquire(path).release()


def test_settings_of_a_store_may_ask_for_leases(leased: Path) -> None:
    lock = acquire(leased)
    assert lock.kind == "lease"
    assert read_holder(leased)["pid"] == os.getpid()
    lock.release()


@pytest.mark.parametrize("text", ["locks = 3", 'locks = "flock"', "locks ="])
def test_settings_that_mean_nothing_are_refused(path: Path, text: str) -> None:
    (path.parent.parent / "store.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"store\.toml"):
        acquire(path)


def test_lease_respects_a_native_lock_and_the_other_way_round(path: Path) -> None:
    native = acquire(path)
    (path.parent.parent / "store.toml").write_text('locks = "lease"\n')
    with pytest.raises(StoreLockedError):
        acquire(path, patience=0.0)
    native.release()
    lease = acquire(path)
    (path.parent.parent / "store.toml").unlink()
    with pytest.raises(StoreLockedError):
        acquire(path, patience=0.0)
    lease.release()
    assert acquire(path).kind == "native"


def test_lock_that_was_declared_dead_is_lost_to_its_holder(path: Path) -> None:
    for kind in ("native", "lease"):
        (path.parent.parent / "store.toml").write_text(f'locks = "{kind}"\n')
        lock = acquire(path)
        lost: list[bool] = []
        lock.on_lost = lambda: lost.append(True)  # noqa: B023 -- used within the round
        with pytest.raises(StoreLockedError):
            declare_dead(path)
        lock.ensure()
        elsewhere(path)  # a holder of which nothing is known
        declare_dead_elsewhere(path)
        second = acquire(path)
        with pytest.raises(StoreLockedError, match=f"taken over by process {os.getpid()}"):
            lock.ensure()
        assert lock.is_lost
        assert lost == [True]
        lock.release()
        assert probe(path) == "alive"
        second.release()


def declare_dead_elsewhere(path: Path) -> None:
    """As on another machine: the kernel there knows nothing of the lock here."""
    lease_path(path).unlink(missing_ok=True)
    path.unlink()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"machine": 3}', b"{" * 3000])
def test_damaged_lock_file_means_dead(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert probe(path) == "dead"
    acquire(path).release()


def test_missing_lock_file_means_dead(path: Path) -> None:
    assert probe(path) == "dead"


def test_lock_file_that_is_a_pipe_hangs_no_one(path: Path) -> None:
    os.mkfifo(path)
    assert probe(path) == "dead"


def test_processes_without_locks_never_hold_it_together(path: Path) -> None:
    code = """
inside = path.with_name("inside")
done = 0
while done < int(os.environ["TRIES"]):
    try:
        held = acquire(path, patience=30.0)
    except StoreLockedError:
        continue
    os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # raises if another one is inside
    held.ensure()
    inside.unlink()
    held.release()
    done += 1
print(done)
"""
    processes, tries = size("lock_processes"), size("lock_tries")
    years = ["0", "10", "-10"]
    running = [
        start(path, code, TRIES=str(tries), YEARS=years[number % 3], LEASE="60")
        for number in range(processes)
    ]
    told = [one.communicate(timeout=600)[0].decode().strip() for one in running]
    assert told == [str(tries)] * processes


def test_holder_that_was_stopped_beyond_the_lease_has_lost_it(path: Path) -> None:
    code = """
held = acquire(path)
print("held", flush=True)
input()
try:
    held.ensure()
    print("published", flush=True)
except StoreLockedError as error:
    print(f"refused {held.is_lost} {error.message}", flush=True)
"""
    with start(path, code, YEARS="-10", LEASE=str(size("lease_seconds") / 100)) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        # A process of another machine cannot ask whether the holder is alive, so it watches the marker.
        watcher = (
            "import socket\n"
            "socket.gethostname = lambda: 'elsewhere'\n"
            "holders.process_space = lambda: 'elsewhere'\n"
            "held = acquire(path, told=lambda text: None)\n"
            "print('taken', flush=True)\ninput()\n"
        )
        with start(path, watcher, YEARS="10", LEASE=str(size("lease_seconds") / 100)) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == b"taken\n"
            holder.send_signal(signal.SIGCONT)
            told, _ = holder.communicate(b"\n", timeout=300)
            assert told.startswith(b"refused True The run run was taken over by process ")
            second.communicate(b"\n", timeout=300)


def test_filelock_is_new_enough_for_leases() -> None:
    assert hasattr(filelock, "SoftFileLease")
    assert hasattr(filelock, "lock_descriptor")
