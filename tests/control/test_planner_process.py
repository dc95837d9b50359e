"""A planner in another process: mailboxes in shared memory that no kill can tear, and what becomes of either side without the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom as tl
from hypothesis import given, settings, strategies as st
from taskloom import derive_seed
from taskloom.errors import UsageError
from taskloom.registry.entries import Given
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.errors import LinkError, PlanError
from taskloom_control.live.encoding import Observed, bytes_of_observed, observed_of
from taskloom_control.live.mailbox import Mailbox, attach, opened
from taskloom_control.live.process import PlannerProcess
from taskloom_control.mjcf.physics import Snapshot
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.deadline import Repeated
from taskloom_control.planning.estimate import Estimate

LONGEST = 40
MESSAGES = st.lists(st.binary(max_size=LONGEST), min_size=1, max_size=6)


class KilledError(Exception):
    """The end of a writer."""


class Mortal(bytearray):
    """Memory whose writer is killed after so many bytes."""

    left = 10**9

    def __setitem__(self, place: Any, data: Any) -> None:  # noqa: ANN401 -- as bytearray's
        count = min(self.left, len(data))
        super().__setitem__(slice(place.start, place.start + count), data[:count])
        self.left -= count
        if count < len(data):
            raise KilledError


def mailbox(memory: bytearray) -> Mailbox:
    return Mailbox(memory, 0, LONGEST)


@given(messages=MESSAGES, cuts=st.lists(st.integers(0, LONGEST + 40), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_writer_that_is_killed_at_any_byte_leaves_the_last_message_whole(
    messages: list[bytes], cuts: list[int]
) -> None:
    memory = Mortal(Mailbox.size_for(LONGEST))
    allowed: set[tuple[int, bytes] | None] = {None}
    for k, cut in enumerate(cuts):
        before = mailbox(memory).newest()
        number = 1 if before is None else before[0] + 1
        message = messages[k % len(messages)]
        # Each writer is a new one: it knows nothing but the memory.
        writer, memory.left = mailbox(memory), cut
        try:
            assert writer.put(message) == number
            allowed = {(number, message)}
        except KilledError:
            allowed = {before}
        memory.left = 10**9
        assert mailbox(memory).newest() in allowed


@given(messages=MESSAGES, data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_message_counts_when_every_byte_of_it_is_seen_in_whatever_order(
    messages: list[bytes], data: st.DataObject
) -> None:
    """Processors may show another one's writes in any order: any part of them gives the message before."""
    memory = bytearray(Mailbox.size_for(LONGEST))
    for message in messages[:-1]:
        mailbox(memory).put(message)
    old, before = bytes(memory), mailbox(memory).newest()
    number = mailbox(memory).put(messages[-1])
    changed = [i for i, (a, b) in enumerate(zip(old, memory, strict=True)) if a != b]
    hidden = data.draw(st.sets(st.sampled_from(changed)))
    seen = bytearray(memory)
    for i in hidden:
        seen[i] = old[i]
    expected = before if hidden else (number, messages[-1])
    assert mailbox(seen).newest() == expected


def test_a_reader_never_sees_a_mix_while_writers_are_killed_in_the_middle() -> None:
    """Real processes: every message is one byte over and over, and each of five writers is killed while it writes."""
    longest = 1 << 14
    code = (
        "import sys\n"
        "from taskloom_control.live.mailbox import Mailbox, attach\n"
        f"memory = attach(sys.argv[1]); box = Mailbox(memory.buf, 0, {longest})\n"
        "number = (box.newest() or (0,))[0]\n"
        "while True:\n"
        f"    number = box.put(bytes([(number + 1) % 251]) * ({longest} - (number + 1) % 97))\n"
    )
    memory, seen = SharedMemory(create=True, size=Mailbox.size_for(longest)), 0
    box, read = Mailbox(opened(memory), 0, longest), 0
    try:
        for _ in range(5):
            writer = subprocess.Popen(
                [sys.executable, "-c", code, memory.name], stderr=subprocess.PIPE
            )
            wanted = seen + 60
            try:
                while seen < wanted:
                    assert writer.poll() is None
                    found = box.newest(read)
                    if found is not None:
                        number, message = found
                        assert number > read
                        assert message == bytes([number % 251]) * (longest - number % 97)
                        read, seen = number, seen + 1
            finally:
                writer.kill()
                assert writer.communicate()[1] == b""
    finally:
        memory.close()
        memory.unlink()
    assert seen == 300


def test_a_message_that_does_not_fit_and_memory_that_is_not_ours_are_refused() -> None:
    memory = bytearray(Mailbox.size_for(LONGEST))
    with pytest.raises(LinkError, match="does not fit"):
        mailbox(memory).put(b"x" * (LONGEST + 1))
    assert mailbox(memory).newest() is None
    memory[:] = b"\x07" * len(memory)
    with pytest.raises(LinkError, match="damaged"):
        mailbox(memory).newest()
    with pytest.raises(LinkError, match="no shared memory 'psm_nothing'"):
        attach("psm_nothing")


NUMBER = st.floats(allow_nan=True, allow_infinity=True)


@given(
    qpos=st.one_of(st.lists(NUMBER, max_size=4), st.dictionaries(st.text(max_size=3), NUMBER)),
    time=NUMBER,
    act=st.none() | st.lists(NUMBER, max_size=2),
    told=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3)),
)
@settings(max_examples=60, deadline=None)
def test_an_estimate_comes_out_as_it_went_in(
    qpos: list[float] | dict[str, float], time: float, act: list[float] | None, told: dict[str, Any]
) -> None:
    pose = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0, 0.0])
    given = qpos if isinstance(qpos, dict) else np.array(qpos)
    estimate = Estimate(
        given, {"hinge": np.ones(3)}, time, None if act is None else np.array(act), {"m:o": pose}
    )
    metadata = {**told, "goal": np.eye(2)}
    sent = Observed(estimate, metadata, 1.5, 3, {"seed": 4})
    got = observed_of(bytes_of_observed(sent), None)  # type: ignore[arg-type]  # for whole states only
    assert (got.arrived, got.version, got.config) == (1.5, 3, {"seed": 4})
    assert isinstance(got.state, Estimate)
    np.testing.assert_equal(_plain(got.state), _plain(estimate))
    np.testing.assert_equal(dict(got.metadata), metadata)


def _plain(estimate: Estimate) -> dict[str, Any]:
    return {**vars(estimate), "eq_active": dict(estimate.eq_active)}


def task_of(**values: object) -> Any:  # noqa: ANN401 -- a task of control
    base = {"optimizer": {"kind": "mppi", "num_rollouts": 8}, "engine": {"kind": "serial"}}
    return tl.open_task("control/cartpole", {**base, **values})


def state_of(task: Any) -> Snapshot:  # noqa: ANN401 -- a task of control
    simulation = Simulation(task.copy(), task.config)
    simulation.reset(np.random.default_rng(0))
    return simulation.snapshot()


def at(time: float) -> Estimate:
    return Estimate(np.array([0.1, 3.0]), np.zeros(2), time)


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_planner_in_a_process_of_its_own_is_asked_and_its_death_is_survived() -> None:
    task = task_of()
    before = _segments()
    with PlannerProcess(task) as planner:
        with pytest.raises(PlanError, match="no plan yet"):
            planner(0.0)
        state = state_of(task)
        planner.start(state)
        # Both sides have it, and no one else can find it.
        assert _segments() <= before
        made = planner.newest
        assert made is not None
        again = Controller(task.copy(), task.config, derive_seed(task.config.seed, "plan"))
        plan, _ = again.plan(state, budget=Repeated(made.chunks))
        np.testing.assert_array_equal(made.plan.curve, plan.curve)
        np.testing.assert_array_equal(planner(0.03), plan(0.03))

        changed = planner.exchange(task_of(w_control=0.5).config)
        assert changed.free == ("w_control",)
        planner.observe(at(0.08))
        _until(lambda: planner.newest is not made and planner._known == 1)
        planner.observe(Estimate(np.array([np.nan, 0.0]), np.zeros(2), 0.12))
        _until(lambda: planner.counts.refused == 1)
        assert "qpos[0] (joint 'slide') is nan" in planner.counts.said
        planner.observe(at(0.16), {"goal": np.ones(3), "phase": "second"})
        _until(lambda: planner.counts.plans >= 3)

        os.kill(planner.pid, signal.SIGKILL)
        _until(lambda: bool(planner.lost))
        planner.observe(at(0.2))
        newest = planner.newest
        assert newest is not None
        end = newest.plan.valid_until
        np.testing.assert_array_equal(planner(end + 0.01), newest.plan(end))
        planner(end + 10.0)
        assert (planner.counts.held, planner.counts.safe) == (1, 1)
    assert "status -9" in planner.lost


def test_a_plan_that_cannot_begin_says_why_and_the_next_state_may() -> None:
    with PlannerProcess(task_of()) as planner:
        with pytest.raises(PlanError, match=r"qpos has 3 numbers"):
            planner.start(Estimate(np.zeros(3), np.zeros(2), 0.0))
        planner.start(at(0.0))
        assert planner.counts.plans == 1


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="looks for what is left in /dev/shm")
@pytest.mark.parametrize("ending", ["killed", "left open"])
def test_nothing_is_left_of_a_program_that_ends(ending: str) -> None:
    """The planning process ends with the program, the memory is gone, and no tracker of resources complains."""
    code = (
        "import os, signal, numpy as np, taskloom as tl\n"
        "from taskloom_control.live.process import PlannerProcess\n"
        "from taskloom_control.planning.estimate import Estimate\n"
        "task = tl.open_task('control/cartpole', engine='serial', optimizer='ps')\n"
        "planner = PlannerProcess(task)\n"
        "planner.start(Estimate(np.array([0.1, 3.0]), np.zeros(2), 0.0))\n"
        "print(planner.pid, flush=True)\n"
    )
    code += "os.kill(os.getpid(), signal.SIGKILL)\n" if ending == "killed" else ""
    before = _segments()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == (-signal.SIGKILL if ending == "killed" else 0)
    assert done.stderr == ""
    _until(lambda: not _is_alive(int(done.stdout)))
    assert _segments() <= before


def _segments() -> set[str]:
    folder = Path("/dev/shm")
    return {path.name for path in folder.glob("psm_*")} if folder.is_dir() else set()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended; only its parent, or the system's first process, can bury it.
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "State:\tZ" in status.read_text())


def test_a_task_of_a_notebook_cell_is_refused_in_one_sentence() -> None:
    task = replace(task_of(), given=Given("cell", "Mine", source="class Mine: ..."))
    before = _segments()
    with pytest.raises(UsageError, match=r"^The task 'Mine' cannot .*; write it into a file\.$"):
        PlannerProcess(task)
    assert _segments() <= before


def test_a_task_of_a_file_is_planned_for(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig\n"
        "class Mine(Cartpole):\n"
        "    def __init__(self, config: CartpoleConfig) -> None:\n"
        "        super().__init__(config)\n"
    )
    task: Any = tl.open_task(f"{file}:Mine", {"engine": "serial", "optimizer": "ps"})
    with PlannerProcess(task) as planner:
        planner.start(at(0.0))
        assert planner(0.0).shape == (1,)
