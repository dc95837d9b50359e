"""A sink beside a run: order kept, never waited for, and what it does not take is counted."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from taskloom.lifecycle.lifecycle import run_task
from taskloom.request import RunOptions
from taskloom.runs import Run
from taskloom.sinks import feed, group
from taskloom_probe.support import load
from taskloom_probe.tasks import WalkConfig

_LAST = 20


class Keeping:
    """A sink that keeps what it is given, for the tests to look at."""

    lines: list[int]
    ends: list[str]
    threads: set[str]

    def __init__(self, folder: Path, record: object) -> None:
        del folder, record

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        del metrics
        self.lines.append(step)
        self.threads.add(threading.current_thread().name)

    def close(self, run: Run, /) -> None:
        self.ends.append(run.status)


class Hanging(Keeping):
    """A sink that never comes back from its third line."""

    released = threading.Event()

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        super().log(step, metrics)
        if step == 3:
            self.released.wait(600)


class Ending(Keeping):
    """A sink that ends the program, as a library's own error handling may."""

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        raise SystemExit(3)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    Keeping.lines, Keeping.ends, Keeping.threads = [], [], set()
    Hanging.released.clear()
    yield
    Hanging.released.set()


@pytest.fixture
def run_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Keeping]], Run]:
    """Return a function that runs a walk beside the one sink of a class."""

    def run(sink: type[Keeping], **changes: object) -> Run:
        monkeypatch.setattr(group, "maker_of", lambda name: sink)
        monkeypatch.setattr("taskloom.lifecycle.lifecycle.check_sinks", lambda names: None)
        options = RunOptions(store=tmp_path, sinks=("kept",), quiet=True, **changes)
        return run_task(load("walk"), WalkConfig(steps=_LAST), options)

    return run


def test_sink_gets_every_line_in_order_on_a_thread_of_its_own(
    run_with: Callable[..., Run],
) -> None:
    assert run_with(Keeping).status == "finished"
    assert Keeping.lines == list(range(1, _LAST + 1))
    assert Keeping.ends == ["finished"]
    assert Keeping.threads == {"sink-kept"}


def test_sink_that_hangs_neither_stops_nor_delays_the_run(
    run_with: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "PATIENCE", 0.2)
    began = time.monotonic()
    run = run_with(Hanging)
    assert time.monotonic() - began < 300
    assert run.status == "finished"
    assert len(run.history()) == _LAST
    log = run.layout.log.read_text()
    assert f"the sink kept did not end: {_LAST - 3} lines were not sent" in log


def test_sink_that_ends_the_program_is_dropped(run_with: Callable[..., Run]) -> None:
    run = run_with(Ending)
    assert run.status == "finished"
    assert "the sink kept was dropped: SystemExit: 3" in run.layout.log.read_text()


def test_lines_beyond_the_queue_are_dropped_and_counted(
    run_with: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "PATIENCE", 0.2)
    monkeypatch.setattr(feed, "LONGEST_QUEUE", 5)
    monkeypatch.setattr(Hanging, "__init__", lambda *_: Hanging.released.wait(600) and None)
    run = run_with(Hanging)
    assert run.status == "finished"
    assert f"it lost {_LAST - 5} lines" in run.layout.log.read_text()


def test_queue_holds_ten_thousand_lines() -> None:
    assert feed.LONGEST_QUEUE == 10_000
    assert group.PATIENCE == 5.0
