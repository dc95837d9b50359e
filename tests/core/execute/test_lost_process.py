"""A run of several processes that loses one: nobody hangs, the run counts as crashed, and goes on from its checkpoint."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Self

import filelock
import pytest
from taskloom.bound import bind
from taskloom.cli.commands.sweep_board import outcome_of
from taskloom.errors import ProcessLostError, StoreLockedError
from taskloom.lifecycle.failure import is_loss
from taskloom.lifecycle.lifecycle import run_task
from taskloom.placement.follower import beginning, follow
from taskloom.records.run_record import read_record
from taskloom.request import RunOptions
from taskloom.runs import Run, RunLayout, list_runs, open_run
from taskloom.runs.checkpoints import published
from taskloom.runs.holders import probe
from taskloom.runs.locks import acquire
from taskloom.runs.record import begin_attempt, timestamp, write_record
from taskloom_probe.share import PairConfig
from taskloom_probe.support import environment, lines, load, make_run, steps, wait_until
from taskloom_probe.tasks import FailConfig, WalkConfig

# A killed process is noticed at once; these minutes are for machines on which merely starting takes one.
PATIENCE = 300.0


class Processes:
    """Two workers of one run that meet through a file, as `torchrun` would start them, without anybody who watches.

    Args:
        layout: The run's folder.
        meeting: The file.
        apart: How much later than the other rank 0 starts [s].
    """

    def __init__(self, layout: RunLayout, meeting: Path, *, apart: float = 0.0) -> None:
        shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GLOO_SOCKET_IFNAME": "lo"}
        command = [sys.executable, "-m", "taskloom.execute", "--no-report", str(layout.dir)]
        started = {}
        for rank in "10":
            started[rank] = subprocess.Popen(
                command,
                env={**environment(), **shared, "RANK": rank, "PROBE_RENDEZVOUS": str(meeting)},
                stderr=subprocess.PIPE,
                text=True,
            )
            time.sleep(apart)
        self.ranks = [started["0"], started["1"]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self.ranks:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()

    def ends(self) -> list[tuple[int, str]]:
        """Return the exit code and the words of each."""
        words = [process.communicate(timeout=PATIENCE)[1] for process in self.ranks]
        return [(process.returncode, text) for process, text in zip(self.ranks, words, strict=True)]


@pytest.mark.slow
def test_process_killed_in_the_middle_ends_the_others_and_the_run_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    layout = make_run(tmp_path / "store", "pair", PairConfig(pause=0.02))

    with Processes(layout, tmp_path / "first") as first:
        wait_until(lambda: lines(layout) >= 5, PATIENCE)
        first.ranks[1].kill()
        (code, words), _ = first.ends()
    run = Run(layout.dir)
    assert (code, run.status, run.exit_code) == (1, "crashed", 1)
    assert "lost a process that shared its work: RuntimeError" in words
    assert f"tasks resume {run.id}" in words
    done = lines(layout)

    with Processes(layout, tmp_path / "second") as second:
        wait_until(lambda: lines(layout) >= done + 5, PATIENCE)
        second.ranks[0].kill()
        _, (code, words) = second.ends()
    assert Run(layout.dir).status == "crashed"
    assert code == 1

    # A writer that dies between the seal and the name leaves a checkpoint that only rank 0 publishes, in its own time.
    newest = published(layout.checkpoints)[-1]
    newest.dir.rename(layout.checkpoints / f".tmp-{newest.step}-1")
    with Processes(layout, tmp_path / "third", apart=2.0) as third:
        assert [code for code, _ in third.ends()] == [0, 0]
    run = Run(layout.dir)
    assert (run.status, run.record.attempts, run.record.failure) == ("finished", 3, None)
    assert run.metrics == {"total": 30.0}
    assert steps(run) == list(range(1, 31))


def killed_holder(layout: RunLayout, begins: str) -> None:
    """Leave the lock as a process leaves it that is killed after it has begun at a checkpoint."""
    code = (
        "import os, sys; from pathlib import Path; from taskloom.runs.locks import acquire;"
        " acquire(Path(sys.argv[1])).tell(sys.argv[2]); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(layout.lock), begins]
    assert subprocess.run(command, timeout=PATIENCE, check=False).returncode == 9
    assert json.loads(layout.lock.read_text())["begins"] == begins


@pytest.mark.parametrize("begins", ["", "000011"])
def test_others_begin_where_the_living_process_of_rank_0_begins(
    tmp_path: Path, begins: str
) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    record = read_record(layout.record)
    killed_holder(layout, "000010")
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(beginning, layout, record, PATIENCE)
        assert not wait([found], timeout=0.3).done
        held = acquire(layout.lock)
        assert not wait([found], timeout=0.3).done
        held.tell(begins)
        assert found.result(PATIENCE) == (layout.checkpoints / begins if begins else None)
    held.release()


def words_of_a_stranger(begins: str) -> str:
    """Return what a process of another machine writes into its lock."""
    place = {"host": "elsewhere", "machine": "another boot", "space": "another space"}
    how = {"pid": 4242, "started": "1", "kind": "native", "locks": True, "alive": True}
    return json.dumps({**how, **place, "begins": begins})


@pytest.mark.parametrize("written", [False, True])
def test_words_of_another_machine_count_once_they_or_their_heartbeat_change(
    tmp_path: Path, written: bool
) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    record = read_record(layout.record)
    layout.lock.write_text(words_of_a_stranger("000010"))
    # Somebody holds it: rank 0, which has not signed it yet and watches the heartbeat of the process that did.
    with layout.lock.open("rb") as file, ThreadPoolExecutor(1) as pool:
        is_ours = filelock.lock_descriptor(file.fileno(), blocking=False)
        assert is_ours
        assert probe(layout.lock) == "alive"
        found = pool.submit(beginning, layout, record, PATIENCE)
        assert not wait([found], timeout=0.5).done
        if written:
            layout.lock.write_text(words_of_a_stranger("000011"))
        else:
            os.utime(layout.lock)
        assert found.result(PATIENCE).name == ("000011" if written else "000010")


def test_nothing_is_told_through_a_lock_that_is_lost(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    held = acquire(layout.lock)
    other = layout.lock.with_name("other")
    other.write_text(words_of_a_stranger("000010"))
    other.replace(layout.lock)
    with pytest.raises(StoreLockedError, match="process 4242 on elsewhere"):
        held.tell("000011")
    assert json.loads(layout.lock.read_text())["begins"] == "000010"
    held.release()


@pytest.mark.parametrize("had_begun", [False, True])
def test_others_have_nothing_to_do_once_the_run_has_finished_without_them(
    tmp_path: Path, had_begun: bool
) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    if had_begun:
        write_record(layout.record, begin_attempt(read_record(layout.record)))
    seen = read_record(layout.record)
    ended = timestamp()
    write_record(layout.record, begin_attempt(seen).becoming("finished", ended=ended))
    assert follow(bind(load("walk"), WalkConfig()), layout, seen) == 0
    write_record(layout.record, begin_attempt(seen).becoming("stopped", ended=ended))
    with pytest.raises(ProcessLostError, match="ended before process 0 had begun"):
        follow(bind(load("walk"), WalkConfig()), layout, seen)


def test_others_end_when_rank_0_does_not_begin_or_has_ended(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    record = read_record(layout.record)
    killed_holder(layout, "")
    with pytest.raises(ProcessLostError, match=r"rank 0 has not begun the run .* within 0\.2 s"):
        beginning(layout, record, 0.2)
    for end in ({"status": "failed"}, {"status": "running", "ended": "2026-12-01T00:00:00Z"}):
        write_record(layout.record, begin_attempt(record).becoming(**end))
        with pytest.raises(ProcessLostError, match="ended before process 0 had begun"):
            beginning(layout, record, PATIENCE)


def test_run_that_lost_a_process_is_crashed_and_says_how_to_go_on(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(ProcessLostError, match="process 1 of 2 is gone") as caught:
        run_task(
            load("fail"),
            FailConfig(how="lost", first=str(gone)),
            RunOptions(store=tmp_path, quiet=True),
        )
    run = open_run("@last", tmp_path)
    assert run.status == "crashed"
    assert run.record.failure is not None
    assert caught.value.hint == f"Continue it with: tasks resume {run.id}"
    assert list_runs(tmp_path)[0].status == "crashed"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ProcessLostError("gone"), True),
        (RuntimeError("[/b/third_party/gloo/gloo/transport/tcp/pair.cc:1] Connection reset"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("gloo/transport"), False),
        (ConnectionResetError("a database"), False),
    ],
)
def test_loss_of_a_process_is_told_from_what_a_task_does_wrong(
    error: Exception, expected: bool
) -> None:
    assert is_loss(error) is expected


def test_loss_is_seen_in_the_errors_of_torch() -> None:
    distributed = pytest.importorskip("torch.distributed", reason="torch is not installed")
    for kind in (distributed.DistBackendError, distributed.DistNetworkError):
        assert is_loss(kind("a peer is gone"))
    forked = pytest.importorskip("torch.multiprocessing").ProcessExitedException
    assert is_loss(forked("killed", 1, 7, exit_code=-9, signal_name="SIGKILL"))
    assert not is_loss(forked("failed", 1, 7, exit_code=1))


def test_a_run_whose_process_died_before_it_began_says_its_last_words(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig())
    layout.output.write_text("first\nerror: no such domain\n\n")
    assert outcome_of(open_run(str(layout.dir))) == "its process was lost: error: no such domain"
