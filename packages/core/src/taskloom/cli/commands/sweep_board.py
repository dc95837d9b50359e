"""Progress of a sweep: a live table on a terminal, a line for each run elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from taskloom.cli.output import number, one_line, print_json, print_table
from taskloom.lifecycle.refusal import refusal_of
from taskloom.params.values import write
from taskloom.runs.output import last_words
from taskloom.runs.run import Run
from taskloom.sweeps.points import PointResult
from taskloom.sweeps.sweep import Sweep
from taskloom.task import JsonValue
from taskloom.wording import figure_line

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_ROWS = 12  # of runs that have ended, in the live table
_METRICS = 3
_PERIOD = 0.25  # [s] between updates of the live table


class Board:
    """Count of the runs of a sweep, with a line for each that ends.

    Args:
        total: How many runs there are to be.
        quiet: Say nothing.
    """

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self.total = total
        self.quiet = quiet
        self.counts: Counter[str] = Counter()
        self.active: dict[str, int] = {}

    def say(self, text: str) -> None:
        """Say a line."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def placed(self, folder: Path, attempt: int, /) -> None:
        """Note a run that was handed over."""
        self.active[folder.name] = attempt
        if attempt > 1:
            self.say(f"lost {folder.name}; starting it again ({attempt})")

    def ended(self, run: Run, /) -> None:
        """Note a run that is over."""
        self.active.pop(run.id, None)
        refused = refusal_of(run)
        status = "refused" if refused else run.status
        self.counts[status] += 1
        # Of what was refused no run stays that could be named.
        told = refused or f"{run.id}  {outcome_of(run)}".rstrip()
        self.say(f"[{sum(self.counts.values())}/{self.total}] {status} {one_line(told)}")

    def tick(self) -> None:
        """Nothing moves between lines."""


class LiveBoard(Board):
    """Draws a table of what runs and what has ended lately."""

    def __init__(self, total: int, live: Live) -> None:
        super().__init__(total)
        self._live = live
        self._recent: list[Run] = []
        self._next = 0.0

    def say(self, text: str) -> None:
        """Print a line above the table; lines about runs that ended are in it."""
        if not text.startswith("["):
            self._live.console.print(text, markup=False, highlight=False)

    def ended(self, run: Run, /) -> None:
        """Note a run that is over."""
        super().ended(run)
        if not refusal_of(run):
            self._recent = [*self._recent, run][-_ROWS:]

    def tick(self) -> None:
        """Draw the table anew, four times a second."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PERIOD
            self._live.update(self.table())

    def table(self) -> Table:
        """Return the table."""
        from rich.table import Table
        from rich.text import Text

        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        left = self.total - sum(self.counts.values())
        table = Table(
            title=f"{counts or 'nothing yet'}; {len(self.active)} running, {max(left, 0)} to go"
        )
        for column in ("run", "status", "outcome"):
            table.add_column(column)
        for run in self._recent:
            table.add_row(run.id, run.status, Text(one_line(outcome_of(run))))
        for name in list(self.active)[:_ROWS]:
            table.add_row(name, "running", "")
        return table


@contextmanager
def open_board(total: int, *, quiet: bool = False) -> Iterator[Board]:
    """Yield the board that fits stderr."""
    if quiet or not sys.stderr.isatty():
        yield Board(total, quiet=quiet)
        return
    # rich costs 75 ms, which only a terminal gets something for.
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        board = LiveBoard(total, live)
        yield board


def print_sweep(sweep: Sweep, *, as_json: bool) -> None:
    """Print what every point came to, on stdout."""
    if as_json:
        rows = [_row(result) for result in sweep.results]
        print_json({"sweep": sweep.id, "exit_code": int(sweep.exit_code), "runs": rows})
        return
    pairs = [*zip(sweep.results, sweep.varying, strict=True)]
    lines = [
        (item.run.id, _words_of(item, values), "reused" if item.reused else item.run.status, outcome_of(item.run))
        for item, values in pairs
        if item.run is not None
    ]  # fmt: skip
    lines += [
        ("", _words_of(item, values), "refused", one_line(item.refused))
        for item, values in pairs
        if item.refused
    ]
    print_table(("run", "point", "status", "outcome"), lines)
    for item in sweep.results:
        if item.claimed:
            typer.echo(f"note: a point was skipped: {item.claimed} computes it", err=True)
    missing = sum(not (item.run or item.claimed or item.refused) for item in sweep.results)
    if missing:
        typer.echo(f"note: {missing} points have no run yet", err=True)
    if sweep.exit_code:
        typer.echo(f"note: continue with: tasks resume {sweep.id}", err=True)


def outcome_of(run: Run) -> str:
    """Return what came of a run, in a line."""
    if run.record.failure is not None:
        return f"{run.record.failure.type}: {run.record.failure.message}"
    if words := last_words(run):
        return f"its process was lost: {words}"
    headline = run.headline
    if headline is not None:
        return f"{headline.verdict}: {figure_line(headline)}"
    return run.summary or " ".join(
        f"{name}={number(value)}" for name, value in list(run.metrics.items())[:_METRICS]
    )


def _words_of(result: PointResult, varying: Mapping[str, JsonValue]) -> str:
    """Return what tells a point from the others of a sweep; of a search, what the trial chose."""
    values = varying if result.point.identity else result.point.config
    words = [f"{path}={write(value)}" for path, value in values.items()]
    return one_line(" ".join(words))


def _row(result: PointResult) -> dict[str, object] | None:
    run = result.run
    if result.refused:
        return {"status": "refused", "config": dict(result.point.config), "refused": result.refused}
    if run is None:
        return {"claimed": result.claimed} if result.claimed else None
    more = {"claimed": result.claimed} if result.claimed else {}
    return {
        "id": run.id,
        "status": run.status,
        "metrics": dict(run.metrics),
        "config": dict(run.config),
        "dir": str(run.dir),
        "reused": result.reused,
        "stale": list(result.stale),
        **more,
    }
