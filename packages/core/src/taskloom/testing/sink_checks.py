"""`check_sink`: what every sink has to keep to."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from taskloom.records.run_record import read_record
from taskloom.registry.entries import LoadedTask, TaskEntry
from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run
from taskloom.sinks.group import PATIENCE, SinkGroup
from taskloom.sinks.sink import Maker, Sink
from taskloom.testing.report import failing
from taskloom.testing.trial import KilledError, PollLimit, Trial
from taskloom.testing.walk import DOMAIN, NAME, Walk

_STEPS = 20


class _Watched:
    """A sink that passes everything on, and notes what was given and what was raised."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._sink: Sink | None = None
        self.steps: list[int] = []
        self.closed = 0
        self.raised = ""

    def open(self, folder: Path, record: RunRecord) -> Sink:
        self._call(lambda: setattr(self, "_sink", self._maker(folder, record)))
        return self

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        sink = self._sink
        if sink is not None:
            self._call(lambda: sink.log(step, metrics))
        self.steps.append(step)

    def close(self, run: Run, /) -> None:
        sink = self._sink
        if sink is not None:
            self._call(lambda: sink.close(run))
        self.closed += 1

    def _call(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self.raised = self.raised or f"{type(error).__name__}: {error}"
            raise


def check_sink(opener: Callable[[], Maker], /) -> list[str]:
    """Check that a sink takes a run's lines in order, and that no run waits for it.

    Args:
        opener: The function that the entry point of `taskloom.sinks` leads to.

    Returns:
        The names of the checks that passed.

    Raises:
        ConformanceError: A check failed; the message has one line for each.
    """
    with tempfile.TemporaryDirectory(prefix="check-sink-") as name:
        maker, folder = opener(), Path(name).resolve()
        checks = {
            "every line arrives once, in order, and the end once": lambda: _in_order(maker, folder),
            "a run that goes on repeats no step": lambda: _resumed(maker, folder),
        }
        return failing("the sink", checks)


def _in_order(maker: Maker, folder: Path) -> str | None:
    watched, trial = _Watched(maker), _trial(folder)
    layout = trial.open()
    sinks = SinkGroup({"checked": watched.open}, layout.dir, read_record(layout.record))
    began = time.monotonic()
    trial.attempt(layout, PollLimit(), sinks=sinks)
    lasted = time.monotonic() - began
    if lasted > PATIENCE:
        return f"the run waited for it: it took {lasted:.1f} s"
    sinks.close(Run(layout.dir))
    if watched.raised:
        return f"it raised {watched.raised}"
    if watched.closed != 1:
        return f"it had not taken {_STEPS} lines and the end after {PATIENCE:g} s"
    return None if watched.steps == list(range(1, _STEPS + 1)) else f"it got {watched.steps}"


def _resumed(maker: Maker, folder: Path) -> str | None:
    watched, trial = _Watched(maker), _trial(folder)
    layout = trial.open()
    for dies_after in (_STEPS // 2, None):
        sinks = SinkGroup({"checked": watched.open}, layout.dir, read_record(layout.record))
        with suppress(KilledError):
            trial.attempt(layout, PollLimit(), dies_after, sinks)
        sinks.close(Run(layout.dir))
    if watched.raised:
        return f"it raised {watched.raised}"
    return None if watched.steps == list(range(1, _STEPS + 1)) else f"it got {watched.steps}"


def _trial(folder: Path) -> Trial:
    loaded = LoadedTask(TaskEntry(NAME, DOMAIN.tasks[0], ""), lambda config: config, Walk)
    place = Path(tempfile.mkdtemp(dir=folder))
    return Trial(loaded, {"steps": _STEPS}, (), place)
