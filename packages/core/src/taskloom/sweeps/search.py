"""Searching for the best point with Optuna, whose memory lies inside the sweep's folder."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.errors import (
    ExitCode,
    MissingExtraError,
    RunCorruptError,
    RunFailedError,
    UsageError,
)
from taskloom.lifecycle.create import identify_asked
from taskloom.lifecycle.decision import Decision, unaccepted
from taskloom.params.choices import find_choices
from taskloom.params.layers import validate_record
from taskloom.params.tree import walk
from taskloom.placement.inline import open_for
from taskloom.placement.place import Placement, Watcher
from taskloom.records.checks import (
    decode_number,
    read_integer,
    read_table,
    read_text,
    read_texts,
    read_truth,
    read_words,
)
from taskloom.records.documents import read_object
from taskloom.records.files import kind_of, stat_file
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import default_store
from taskloom.runs.run import Run
from taskloom.runs.writer import atomic_write_json
from taskloom.secrets import vault
from taskloom.secrets.redaction import KNOWN, MARK
from taskloom.secrets.references import is_reference
from taskloom.sweeps.ahead import refuse_reasons
from taskloom.sweeps.axes import AxisReader
from taskloom.sweeps.expand import Axis, Choices, Point, Span
from taskloom.sweeps.metric import check_metric
from taskloom.sweeps.planfile import texts_of
from taskloom.sweeps.points import PointResult
from taskloom.sweeps.record import EXECUTOR, SEARCH, SweepPoint, create_sweep, read_sweep
from taskloom.sweeps.space import Space
from taskloom.sweeps.sweep import Sweep, check_version
from taskloom.sweeps.trials import Goal, Search, Trials, trial_runs

if TYPE_CHECKING:
    import optuna

_MEMORY = "optuna.log"


def create_search(
    loaded: LoadedTask,
    goal: Goal,
    axes: Mapping[str, Axis],
    fixed: Point,
    *,
    options: RunOptions,
    origin: Origin = Origin(),
    files: Sequence[Path] = (),
    keep_going: bool = True,
) -> Search:
    """Write the record of a new search.

    Args:
        loaded: The task.
        goal: What it is for.
        axes: What may vary.
        fixed: What is the same everywhere.
        options: How each run is kept and placed.
        origin: Who asked for the search.
        files: Config files that all points share.
        keep_going: Whether a failed run leaves the others alone.

    Raises:
        UsageError: Nothing varies.
        ConfigError: A value is not accepted; nothing has been run.
        UnknownNameError: The domain names its metrics, and this is none of them; nothing has been run.
        MissingExtraError: Optuna is not installed.
    """
    _import_optuna()
    if not axes:
        raise UsageError(
            "A search needs something that varies: --name=a,b or --name=log:LOW:HIGH or --name=linear:LOW:HIGH."
        )
    said = {**axes, **fixed}
    reader = AxisReader(walk(loaded.config_class, find_choices(loaded.config_class, files=files)))
    common = {
        name: text
        for file in files
        for name, text in texts_of(file, reader)
        if name.removesuffix(".kind") not in said
    }
    space = Space(loaded, axes, {**common, **fixed})
    space.check()
    check_metric(loaded, goal.metric, space.first, "--optimize")
    hidden = _hidden(loaded, axes, {**common, **fixed})
    executor = options.executor or EXECUTOR
    if hidden and executor not in vault.IN_MEMORY:
        raise vault.needs_reference(next(iter(hidden)), executor)
    sweep = create_sweep(loaded, [], options, origin, keep_going=keep_going)
    search = Search(sweep, goal, axes, {**common, **fixed})
    record = {
        "goal": asdict(goal),
        "axes": {path: asdict(axis) for path, axis in axes.items()},
        "fixed": {**KNOWN.tree(search.fixed), **hidden},
    }
    atomic_write_json(default_store(options.store) / sweep.id / SEARCH, record)
    return search


def refuse_changed_trials(loaded: LoadedTask, search: Search, store: Path) -> None:
    """Refuse to go on with a search some of whose runs would come out differently now.

    Raises:
        UsageError: The message holds the reasons.
    """
    options = replace(search.sweep.options, store=store)
    if options.accept_changes:
        return
    decisions = []
    for name in trial_runs(open_study(search, store)):
        with contextlib.suppress(RunCorruptError):
            run = Run(store / name)
            values = vault.complete(run.config, run.record.identity)
            config = validate_record(loaded.config_class, values, f"the record of {name}")
            found = unaccepted(run, identify_asked(loaded, config, options))
            decisions.append(Decision("begin", run, tuple(found)))
    refuse_reasons(
        search.sweep,
        decisions,
        "--accept-changes keeps its runs; trials of which the search has learned cannot run again: begin it anew",
    )


def _hidden(loaded: LoadedTask, axes: Mapping[str, Axis], fixed: Point) -> Point:
    """Return a mark for each value that the record of a search must not hold.

    Raises:
        UsageError: A secret is to be varied, which Optuna would have to remember.
    """
    paths = {item.path for item in walk(loaded.config_class) if "SECRET" in item.type}
    for path in paths.intersection(axes):
        raise UsageError(
            f"--{path} is a secret, and a search remembers what it varies.",
            hint="vary it in a sweep without --optimize",
        )
    return {path: MARK for path in paths.intersection(fixed) if not is_reference(fixed[path])}


def is_search(folder: Path) -> bool:
    """Return whether a sweep's folder is that of a search."""
    return stat_file(folder, SEARCH) is not None


def read_search(folder: Path) -> Search:
    """Read a search's record.

    Raises:
        RunCorruptError: It is missing or damaged.
    """
    value = read_object(folder, SEARCH)
    try:
        tables = read_table(value, "axes")
        axes = {path: _read_axis(read_table(tables, path)) for path in tables}
        asked = read_table(value, "goal")
        goal = Goal(
            read_text(asked, "metric"),
            read_truth(asked, "is_max"),
            read_integer(asked, "trials"),
            read_integer(asked, "seed"),
        )
        return Search(read_sweep(folder), goal, axes, dict(read_words(value, "fixed")))
    except (KeyError, TypeError, ValueError) as error:
        raise RunCorruptError(f"{folder / SEARCH} is damaged: {error}.") from None


def _read_axis(value: Mapping[str, Any]) -> Axis:
    if "values" in value:
        values = read_texts(value, "values")
        if not values:
            raise ValueError("an axis has no values")
        return Choices(values)
    low, high = (decode_number(value[name]) for name in ("low", "high"))
    is_log = read_truth(value, "is_log")
    if low is None or high is None or not (low <= high and (low > 0 or not is_log)):
        raise ValueError("an axis has no range")
    return Span(low, high, is_log=is_log, is_integer=read_truth(value, "is_integer"))


def run_search(loaded: LoadedTask, search: Search, store: Path, watcher: Watcher) -> Sweep:
    """Try points until there have been as many as the goal asks for; begins or continues.

    A trial that fails or is refused tells Optuna so, the search goes on, and its exit code is 1 in the end.

    Raises:
        ConfigError: The task has changed its version since the search was made.
        UnknownNameError: The runs have no such metric.
        RunFailedError: No run has a finite value of the metric.
        MissingExtraError: Optuna is not installed.
    """
    sweep, store = search.sweep, store.absolute()
    check_version(sweep, loaded)
    trials = Trials(loaded, search, store, open_study(search, store), watcher)
    options = sweep.options
    executor = open_for(options)
    try:
        placement = Placement(
            executor, options.resources, trials, keep_going=sweep.keep_going, prepares=False
        )
        placement.run(trials.folders())
    finally:
        trials.close()
        executor.close()
    runs = _best_first(search.goal, [Run(store / name) for name in trials.runs])
    _check_values(search, runs)
    code = placement.exit_code or (
        ExitCode.OK if any(run.status == "finished" for run in runs) else ExitCode.FAILED
    )
    results = [
        PointResult(
            SweepPoint(run.record.identity, run.config, run.record.sources),
            run,
            reused=run.id in trials.reused,
            stale=trials.reused.get(run.id, ()),
        )
        for run in runs
    ]
    results += [
        PointResult(SweepPoint("", point, {}), None, refused=sentence)
        for point, sentence in trials.refused
    ]
    return Sweep(sweep, tuple(results), code)


def open_study(search: Search, store: Path) -> optuna.Study:
    """Open the memory of a search, which lies in its folder.

    Raises:
        RunCorruptError: It cannot be read, or is no regular file.
    """
    _import_optuna()
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = store / search.sweep.id
    if kind_of(folder, _MEMORY) not in ("file", "missing"):
        raise RunCorruptError(f"{folder / _MEMORY} is no regular file.")
    try:
        study: optuna.Study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / _MEMORY))),
            study_name=search.sweep.id,
            direction="maximize" if search.goal.is_max else "minimize",
            load_if_exists=True,
        )
        study.get_trials(deepcopy=False)
    except Exception as error:  # whatever a damaged line makes Optuna raise
        raise RunCorruptError(
            f"{folder / _MEMORY} is damaged: {type(error).__name__}: {error}."
        ) from None
    return study


def _check_values(search: Search, runs: Sequence[Run]) -> None:
    """Refuse to call any run the best where the metric is a number in none."""
    values = [run.metrics.get(search.goal.metric) for run in runs if run.status == "finished"]
    if values and not any(value is not None and math.isfinite(value) for value in values):
        raise RunFailedError(
            f"{search.goal.metric} is not a finite number in any of {len(values)} runs, so that none is the best; "
            f"they are kept: tasks runs ls --where 'sweep = {search.sweep.id}'"
        )


def _import_optuna() -> Any:  # noqa: ANN401 -- a module
    try:
        import optuna
    except ImportError:
        raise MissingExtraError(
            "Searching needs Optuna, which is not installed.",
            hint="pip install 'taskloom-core[search]'",
        ) from None
    return optuna


def _best_first(goal: Goal, runs: Sequence[Run]) -> list[Run]:
    def key(run: Run) -> tuple[bool, float]:
        value = run.metrics.get(goal.metric, math.nan)
        bad = run.status != "finished" or math.isnan(value)
        return bad, 0.0 if bad else (-value if goal.is_max else value)

    return sorted(runs, key=key)
