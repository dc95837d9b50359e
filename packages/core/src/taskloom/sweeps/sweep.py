"""Sweeps: a list of points with one parent, each run at most once, and continued after anything."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import ConfigError, ExitCode, UsageError
from taskloom.lifecycle.create import identify_asked
from taskloom.params.choices import Applicable
from taskloom.params.layer import COMMAND_LINE, PYTHON
from taskloom.params.layers import resolve
from taskloom.placement.executor import Executor
from taskloom.placement.inline import open_for
from taskloom.placement.place import Placement, Watcher
from taskloom.registry.entries import LoadedTask
from taskloom.registry.suggest import did_you_mean
from taskloom.request import RunOptions
from taskloom.runs.compare import varying
from taskloom.runs.run import Run
from taskloom.secrets import vault
from taskloom.secrets.fields import dumped
from taskloom.show.cells import guarded, table_html
from taskloom.show.frames import frame_of
from taskloom.sweeps.ahead import Ahead, look_ahead
from taskloom.sweeps.expand import Plan, Point, values_of
from taskloom.sweeps.points import PointResult, Points
from taskloom.sweeps.record import SweepPoint, SweepRecord
from taskloom.task import JsonValue

if TYPE_CHECKING:
    from pandas import DataFrame

    from taskloom.params.layers import Resolved


@dataclass(frozen=True, slots=True, repr=False)
class Sweep:
    """A sweep and what came of it.

    Attributes:
        record: The sweep as its folder tells it.
        results: What came of each point: in the order of the points, those of a search the best first.
        exit_code: 0 if every point has finished; of a search, if one has and no trial failed or was refused.
    """

    record: SweepRecord
    results: tuple[PointResult, ...]
    exit_code: ExitCode

    @property
    def id(self) -> str:
        """The sweep's id."""
        return self.record.id

    @property
    def points(self) -> tuple[SweepPoint, ...]:
        """The points."""
        return tuple(result.point for result in self.results)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that there are, in the order of their points."""
        return tuple(result.run for result in self.results if result.run is not None)

    @property
    def metrics(self) -> list[dict[str, JsonValue]]:
        """One row for each run: its id and status, the parameters that vary between points, and its final metrics.

        A metric that is called like a parameter stands under `metrics.NAME`.
        """
        rows: list[dict[str, JsonValue]] = []
        for values, result in zip(self.varying, self.results, strict=True):
            if (run := result.run) is None:
                continue
            row: dict[str, JsonValue] = {"run": run.id, "status": run.status, **values}
            row |= {
                f"metrics.{name}" if name in row else name: value
                for name, value in run.metrics.items()
            }
            rows.append(row)
        return rows

    def frame(self) -> DataFrame:
        """Return one row a run: `id`, `task`, `status`, `reused`, and columns `config.*` and `metrics.*`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return frame_of(self.runs)

    def best(self, metric: str, better: str = "") -> Run:
        """Return the finished run with the best value of a metric.

            sweep.best("auroc/fused", "max")

        Args:
            metric: Its name; `metrics.` may stand before it.
            better: `max` or `min`.

        Raises:
            UsageError: It is said neither which is better, nor has any run that metric.
        """
        name = metric.removeprefix("metrics.")
        if better not in ("max", "min"):
            raise UsageError(
                f"{better!r} does not say which {name} is better; write 'max' or 'min'."
            )
        having = [
            run
            for run in self.runs
            if run.status == "finished" and math.isfinite(run.metrics.get(name, math.nan))
        ]
        if not having:
            known = list(dict.fromkeys(key for run in self.runs for key in run.metrics))
            raise UsageError(
                f"No finished run of the sweep {self.id} has a finite metric '{name}'; they have {', '.join(known) or 'none'}.",
                hint=did_you_mean(name, known),
            )
        choose = max if better == "max" else min
        return choose(having, key=lambda run: run.metrics[name])

    def __repr__(self) -> str:
        counted = Counter(map(_status_of, self.results))
        told = ", ".join(f"{count} {status}" for status, count in counted.items())
        return f"Sweep({self.id}: {len(self.results)} points{f', {told}' if told else ''})"

    def _repr_html_(self) -> str:
        return guarded(
            lambda: table_html(self.metrics, f"{self.id}: {len(self.results)} points"), self
        )

    @property
    def varying(self) -> list[dict[str, JsonValue]]:
        """The parameters of each point that are not the same at all of them, by path."""
        return varying([point.config for point in self.points])


def _status_of(result: PointResult) -> str:
    if result.refused or result.claimed:
        return "refused" if result.refused else "computed elsewhere"
    return "not run" if result.run is None else result.run.status


def plan_points(
    loaded: LoadedTask,
    plan: Plan,
    fixed: Point,
    files: Sequence[Path] = (),
    *,
    options: RunOptions = RunOptions(),
    resolve_point: Callable[[Point], Resolved] | None = None,
) -> list[SweepPoint]:
    """Resolve every point of a plan; two with the same identity are one. The arguments are those of `resolve_points`.

    Raises:
        ConfigError: A point is not accepted; nothing has been run.
    """
    points: dict[str, SweepPoint] = {}
    for _, point in resolve_points(
        loaded, plan, fixed, files, options=options, resolve_point=resolve_point
    ):
        points.setdefault(point.identity, point)
    return list(points.values())


def resolve_points(
    loaded: LoadedTask,
    plan: Plan,
    fixed: Point,
    files: Sequence[Path] = (),
    *,
    options: RunOptions = RunOptions(),
    resolve_point: Callable[[Point], Resolved] | None = None,
) -> list[tuple[Point, SweepPoint]]:
    """Resolve every point of a plan, and return it with the texts that it was resolved from.

    A value that only some of the components chosen in the plan have is left out of the points that choose another.

    Args:
        loaded: The task.
        plan: What is tried.
        fixed: What is the same at every point.
        files: Config files that all points share.
        options: How each run is kept and placed; they say where inputs lie.
        resolve_point: Resolves one point without files and environment, for calls from Python.

    Raises:
        ConfigError: A point is not accepted; nothing has been run.
    """

    def resolve_words(point: Point) -> Resolved:
        return resolve(loaded.config_class, files=files, arguments=point)

    expanded = [{**fixed, **point} for point in plan.expand()]
    values, is_typed = values_of(expanded), resolve_point is None
    applicable = Applicable(
        loaded.config_class,
        values,
        files=files,
        environ=None if is_typed else {},
        source=COMMAND_LINE if is_typed else PYTHON,
    )
    found = []
    for point in expanded:
        texts = applicable.to(point)
        resolved = (resolve_point or resolve_words)(texts)
        key = identify_asked(loaded, resolved.config, options).identity
        vault.keep(key, resolved.config)
        found.append((texts, SweepPoint(key, dumped(resolved.config), resolved.sources)))
    return found


def run_sweep(
    loaded: LoadedTask,
    record: SweepRecord,
    store: Path,
    watcher: Watcher,
    aheads: Sequence[Ahead] | None = None,
) -> Sweep:
    """Run what a sweep is missing: begin it, or continue it after anything.

    Points that a finished run answers are left alone, wherever it was run. A run that began is continued in its folder; the
    rest get folders as there is room for them.

    Args:
        loaded: The task.
        record: The sweep; its options say what the caller allows.
        store: Where the runs are.
        watcher: Hears what happens.
        aheads: What was decided about the points, if that is known already.

    Raises:
        ConfigError: The task has changed its version since the sweep was made.
        StoreError: The store cannot be written.
        StoreLockedError: Another process computes a point, and the options say that this is an error.
    """
    check_version(record, loaded)
    executor = open_for(record.options)
    try:
        return run_points(executor, loaded, record, store, watcher, aheads=aheads)
    finally:
        executor.close()


def run_points(
    executor: Executor,
    loaded: LoadedTask,
    record: SweepRecord,
    store: Path,
    watcher: Watcher,
    *,
    aheads: Sequence[Ahead] | None = None,
) -> Sweep:
    """Run what the points of a sweep are missing with an executor that stays open: a study has several batches of points.

    The other arguments are those of `run_sweep`.

    Raises:
        StoreError: The store cannot be written.
        StoreLockedError: Another process computes a point, and the options say that this is an error.
    """
    store = store.absolute()
    decided = look_ahead(loaded, record, store) if aheads is None else aheads
    points = Points(loaded, record, store, watcher, decided)
    try:
        placement = Placement(
            executor, record.options.resources, points, keep_going=record.keep_going
        )
        placement.run(points.folders())
    finally:
        points.close()
    results = points.results()
    done = all(
        item.claimed or (item.run is not None and item.run.status == "finished") for item in results
    )
    code = placement.exit_code or (ExitCode.OK if done else ExitCode.FAILED)
    return Sweep(record, results, code)


def check_version(record: SweepRecord, loaded: LoadedTask) -> None:
    """Refuse a sweep of another version of its task than the installed one.

    Raises:
        ConfigError: The task has changed its version since the sweep was made.
    """
    if record.version != loaded.entry.ref.version:
        raise ConfigError(
            f"The sweep {record.id} is of version {record.version} of '{record.domain} {record.task}', and version "
            f"{loaded.entry.ref.version} is installed; it cannot be continued."
        )
