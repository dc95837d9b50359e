"""Points of a sweep, one after the other: each is decided on, claimed, and handed over as a run folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.lifecycle.decision import Decision, Settled, is_free, settle
from taskloom.lifecycle.refusal import refusal_of, remove_refused
from taskloom.placement.place import Relay, Watcher
from taskloom.registry.entries import LoadedTask
from taskloom.runs import claims
from taskloom.runs.run import Run
from taskloom.sweeps.ahead import Ahead
from taskloom.sweeps.desk import Desk
from taskloom.sweeps.record import SweepPoint, SweepRecord

_PERIOD = 0.25  # [s] between looks at what other processes compute


@dataclass(frozen=True, slots=True)
class PointResult:
    """Result of one point of a sweep.

    Attributes:
        point: The point.
        run: Its run; None where there is none yet.
        reused: Whether the run had finished before the sweep came to it.
        stale: Differences from now that were accepted, a sentence each.
        claimed: The process that computes it, where the sweep does not wait; or empty.
        refused: Why there can be no run of it, a sentence; or empty.
    """

    point: SweepPoint
    run: Run | None
    reused: bool = False
    stale: tuple[str, ...] = ()
    claimed: str = ""
    refused: str = ""


class Points(Relay):
    """Run folders of a sweep, and what came of each of its points.

    Points whose run failed before come last, so that one that always fails keeps no other from its turn. What another process
    computes is waited for at the end.

    Args:
        loaded: The task.
        record: The sweep.
        store: Where the runs are.
        watcher: Listener to what happens.
        aheads: The points, with what was decided about them.
    """

    def __init__(
        self,
        loaded: LoadedTask,
        record: SweepRecord,
        store: Path,
        watcher: Watcher,
        aheads: Sequence[Ahead],
    ) -> None:
        super().__init__(watcher)
        self._sweep, self._aheads = record.id, aheads
        self._desk = Desk(loaded, record, store)
        self._results: dict[str, PointResult] = {}

    def ended(self, run: Run, /) -> None:
        """Let others compute it again, and pass it on."""
        self._desk.release(run.id)
        super().ended(run)
        refused = refusal_of(run)
        if refused:
            remove_refused(run)
            point = next(item.point for item in self._results.values() if _is_of(item, run))
            self._keep(PointResult(point, None, refused=refused))

    def close(self) -> None:
        """Let go of every claim."""
        self._desk.close()

    def folders(self) -> Iterator[Path | None]:
        """Yield the folder of each point that needs a run, made if there is none; None where all wait for other processes."""
        waiting = [(ahead, ahead.decision) for ahead in sorted(self._aheads, key=_has_failed)]
        while waiting:
            left: list[tuple[Ahead, Decision]] = []
            for ahead, decision in waiting:
                settled = settle(ahead.now, self._desk.options, decision, sweep=self._sweep)
                if settled.decision.action == "wait":
                    if self._waits(ahead, settled.decision):
                        left.append((ahead, settled.decision))
                elif settled.decision.action == "reuse":
                    self._reuse(ahead, settled.decision)
                else:
                    yield self._open(ahead, settled)
            waiting = left
            while waiting and not any(is_free(ahead.now, decision) for ahead, decision in waiting):
                yield from pause()

    def results(self) -> tuple[PointResult, ...]:
        """Return what came of each point, in the order of the points."""
        return tuple(self._result(ahead) for ahead in self._aheads)

    def _waits(self, ahead: Ahead, decision: Decision) -> bool:
        self._desk.refuse_to_wait(decision)
        if self._desk.options.claimed == "skip":
            by = str(decision.by or claims.Holder())
            self._keep(PointResult(ahead.point, decision.run, claimed=by))
            return False
        return True

    def _reuse(self, ahead: Ahead, decision: Decision) -> None:
        if decision.run is not None:
            run = self._desk.reuse(decision, decision.run)
            self._keep(PointResult(ahead.point, run, reused=True, stale=run.stale))

    def _open(self, ahead: Ahead, settled: Settled) -> Path:
        run = self._desk.open(ahead.now, ahead.config, ahead.point.sources, settled)
        self._keep(PointResult(ahead.point, run, stale=tuple(settled.decision.stale)))
        return run.dir

    def _keep(self, result: PointResult) -> None:
        self._results[result.point.identity] = result

    def _result(self, ahead: Ahead) -> PointResult:
        """Return the result of a point, read again; one whose turn never came may have a run from before."""
        found = self._results.get(ahead.point.identity)
        if found is None:
            run = ahead.decision.run if ahead.decision.action in ("reuse", "continue") else None
            return PointResult(ahead.point, run, reused=ahead.decision.action == "reuse")
        if found.run is None or found.reused:
            return found
        try:
            return replace(found, run=Run(found.run.dir))
        except RunCorruptError:
            return replace(found, run=None)


def _is_of(result: PointResult, run: Run) -> bool:
    return result.run is not None and result.run.id == run.id


def pause() -> Iterator[None]:
    """Yield None for a while: there is nothing to do until another process is done."""
    end = time.monotonic() + _PERIOD
    while time.monotonic() < end:
        yield None


def _has_failed(ahead: Ahead) -> bool:
    run = ahead.decision.run
    return run is not None and run.status == "failed"
