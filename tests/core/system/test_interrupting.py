"""Time limits of a plugin's code: what a busy machine takes from it is no fault of the plugin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from taskloom.system import processes


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    with processes.interrupting(seconds, TimeoutError("late")):
        yield


@pytest.mark.skipif(not hasattr(processes.signal, "setitimer"), reason="nothing interrupts here")
def test_time_that_a_busy_machine_takes_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError), limited(0.01):
        time.sleep(5)
    waits = iter([0.0, 0.2, 0.3, *[0.4] * 1000])
    monkeypatch.setattr(processes, "kept_waiting", lambda: next(waits))
    began = time.monotonic()
    with pytest.raises(TimeoutError), limited(0.01):
        time.sleep(5)
    assert time.monotonic() - began >= 0.4
    monkeypatch.setattr(processes, "kept_waiting", time.monotonic)
    with limited(0.01):  # a machine that gives it nothing at all
        time.sleep(0.1)


def test_a_thread_knows_how_long_it_waited() -> None:
    before = processes.kept_waiting()
    assert 0 <= before <= processes.kept_waiting() < 1e6
