"""Searching for the best point with Optuna, whose memory lies inside the sweep's folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.errors import (
    ExitCode,
    MissingExtraError,
    RunCorruptError,
    UnknownNameError,
    UsageError,
)
from taskloom.execute.create import Origin, create_run
from taskloom.execute.executor import open_executor
from taskloom.execute.expand import Axis, Choices, Point, Span, texts_of
from taskloom.execute.place import Placement, Watcher
from taskloom.execute.sweep import Outcome, Sweep, create_sweep, read_sweep
from taskloom.registry import LoadedTask, did_you_mean
from taskloom.runs import index, provenance
from taskloom.runs.identity import identity
from taskloom.runs.run import Run
from taskloom.runs.writer import atomic_write_json, read_json

if TYPE_CHECKING:
    import optuna

RECORD = "search.json"
_MEMORY = "optuna.log"
_RUN = "run"  # the trial's attribute that names its run folder


@dataclass(frozen=True, slots=True)
class Goal:
    """What a search is for.

    Attributes:
        metric: The final metric.
        is_max: Whether more is better.
        trials: How many points to try.
        seed: Seed of the sampler.
    """

    metric: str
    is_max: bool
    trials: int
    seed: int = 0

    @classmethod
    def parse(cls, text: str, trials: int, seed: int = 0) -> Goal:
        """Read `metrics.auroc:max`.

        Raises:
            UsageError: It is no goal.
        """
        metric, colon, direction = text.removeprefix("metrics.").rpartition(":")
        if not colon or not metric or direction not in ("max", "min"):
            raise UsageError(
                f"--optimize is {text!r}; write it as metrics.NAME:max or metrics.NAME:min."
            )
        if trials < 1:
            raise UsageError(f"--trials is {trials}; it must be 1 or more.")
        return cls(metric, direction == "max", trials, seed)


@dataclass(frozen=True, slots=True)
class Search:
    """A search as its folder tells it: a sweep whose points are found on the way.

    Attributes:
        sweep: The sweep.
        goal: What it is for.
        axes: What may vary.
        fixed: What is the same everywhere.
    """

    sweep: Sweep
    goal: Goal
    axes: Mapping[str, Axis]
    fixed: Point


def create_search(
    loaded: LoadedTask,
    goal: Goal,
    axes: Mapping[str, Axis],
    fixed: Point,
    *,
    files: Sequence[Path],
    store: Path,
    **settings: Any,  # noqa: ANN401 -- Sweep's fields
) -> Search:
    """Write the record of a new search.

    Raises:
        UsageError: Nothing varies.
        MissingExtraError: Optuna is not installed.
    """
    _import_optuna()
    if not axes:
        raise UsageError(
            "A search needs something that varies: --name=a,b or --name=log:LOW:HIGH or --name=linear:LOW:HIGH."
        )
    common = {name: text for file in files for name, text in texts_of(file)}
    sweep = create_sweep(loaded, [], store, **settings)
    search = Search(sweep, goal, axes, {**common, **fixed})
    record = {
        "goal": asdict(goal),
        "axes": {path: asdict(axis) for path, axis in axes.items()},
        "fixed": search.fixed,
    }
    atomic_write_json(store / sweep.id / RECORD, record)
    return search


def is_search(folder: Path) -> bool:
    """Whether a sweep's folder is that of a search."""
    return (folder / RECORD).is_file()


def read_search(folder: Path) -> Search:
    """Read a search's record.

    Raises:
        RunCorruptError: It is missing or damaged.
    """
    value = read_json(folder / RECORD)
    try:
        axes: dict[str, Axis] = {
            path: Choices(tuple(axis["values"])) if "values" in axis else Span(**axis)
            for path, axis in value["axes"].items()
        }
        return Search(read_sweep(folder), Goal(**value["goal"]), axes, dict(value["fixed"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise RunCorruptError(f"{folder / RECORD} is damaged: {error}.") from None


def run_search(loaded: LoadedTask, search: Search, store: Path, watcher: Watcher) -> Outcome:
    """Try points until there have been as many as the goal asks for; begins or continues.

    Raises:
        UnknownNameError: The runs have no such metric.
        MissingExtraError: Optuna is not installed.
    """
    sweep = search.sweep
    study = _open_study(search, store)
    listener = _Listener(search.goal, study, watcher)
    executor = open_executor(sweep.executor, sweep.jobs)
    try:
        placement = Placement(
            executor, sweep.resources, listener, keep_going=sweep.keep_going, prepares=False
        )
        placement.run(_trials(loaded, search, store, listener))
    finally:
        executor.close()
    runs = _best_first(search.goal, [Run(store / name) for name in listener.runs])
    code = placement.exit_code or (
        ExitCode.OK if any(run.status == "finished" for run in runs) else ExitCode.FAILED
    )
    return Outcome(sweep, tuple(runs), code)


class _Listener:
    """Tells the study what came of each trial, and the watcher whatever it wants to hear."""

    def __init__(self, goal: Goal, study: optuna.Study, watcher: Watcher) -> None:
        self.study = study
        self.trials: dict[str, int] = {}
        self.runs: list[str] = []
        self._goal = goal
        self._watcher = watcher

    def placed(self, folder: Path, attempt: int, /) -> None:
        """Pass it on."""
        self._watcher.placed(folder, attempt)

    def tick(self) -> None:
        """Pass it on."""
        self._watcher.tick()

    def ended(self, run: Run, /) -> None:
        """Tell the study, unless the run was only stopped and may go on."""
        self._watcher.ended(run)
        if run.status in ("finished", "failed"):
            self.tell(run)

    def tell(self, run: Run) -> None:
        """Tell the study how a run went."""
        from optuna.trial import TrialState

        value = run.metrics.get(self._goal.metric)
        if run.status == "finished" and value is None:
            raise UnknownNameError(
                f"The run {run.id} has no metric '{self._goal.metric}'; it has {', '.join(run.metrics)}.",
                hint=did_you_mean(self._goal.metric, run.metrics),
            )
        number = self.trials[run.id]
        if run.status == "finished" and value is not None and math.isfinite(value):
            self.study.tell(number, value)
        else:
            self.study.tell(number, state=TrialState.FAIL)


def _trials(loaded: LoadedTask, search: Search, store: Path, listener: _Listener) -> Iterator[Path]:
    """Yield run folders: first those of trials that were interrupted, then those of new ones."""
    from optuna.trial import TrialState

    for frozen in listener.study.get_trials(deepcopy=False):
        name = frozen.user_attrs.get(_RUN)
        if name is None or not (store / name / "run.json").is_file():
            continue
        listener.trials[name] = frozen.number
        listener.runs.append(name)
        if frozen.state == TrialState.RUNNING:
            run = Run(store / name)
            if run.status == "finished":
                listener.tell(run)
            else:
                yield run.dir
    found = provenance.gather(Path.cwd())
    while len(listener.study.get_trials(deepcopy=False)) < search.goal.trials:
        trial = listener.study.ask()
        run, is_new = _run_for(loaded, search, store, trial, found)
        trial.set_user_attr(_RUN, run.id)
        listener.trials[run.id] = trial.number
        if run.id not in listener.runs:
            listener.runs.append(run.id)
        if is_new:
            yield run.dir
        else:
            listener.tell(run)


def _run_for(
    loaded: LoadedTask,
    search: Search,
    store: Path,
    trial: optuna.Trial,
    found: provenance.Provenance,
) -> tuple[Run, bool]:
    """Return a finished run of the same identity, or a new one."""
    from taskloom.params import Applicable, resolve

    lists = {path: axis.values for path, axis in search.axes.items() if isinstance(axis, Choices)}
    values = {path: (text,) for path, text in search.fixed.items()} | lists
    point = {path: _suggest(trial, path, axis) for path, axis in search.axes.items()}
    arguments = Applicable(loaded.config_class, values).to({**search.fixed, **point})
    resolved = resolve(loaded.config_class, arguments=arguments)
    entry, sweep = loaded.entry, search.sweep
    key = identity(entry.domain, entry.ref.name, entry.ref.version, resolved.config)
    for document in index.documents(store)[0]:
        if document.get("identity") == key and document.get("status") == "finished":
            return Run(store / document["folder"]), False
    origin = Origin(
        resolved.sources,
        sweep.argv,
        sweep=sweep.id,
        sinks=sweep.sinks,
        keep_best=sweep.keep_best,
    )
    layout = create_run(loaded, resolved.config, store, origin, sweep.resources, found=found)
    return Run(layout.dir), True


def _suggest(trial: optuna.Trial, path: str, axis: Axis) -> str:
    if isinstance(axis, Choices):
        return str(trial.suggest_categorical(path, axis.values))
    if axis.is_integer:
        return str(trial.suggest_int(path, int(axis.low), int(axis.high), log=axis.is_log))
    return repr(float(trial.suggest_float(path, axis.low, axis.high, log=axis.is_log)))


def _open_study(search: Search, store: Path) -> optuna.Study:
    _import_optuna()
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = JournalFileBackend(str(store / search.sweep.id / _MEMORY))
    study: optuna.Study = optuna.create_study(
        storage=JournalStorage(backend),
        study_name=search.sweep.id,
        direction="maximize" if search.goal.is_max else "minimize",
        sampler=optuna.samplers.TPESampler(seed=search.goal.seed),
        load_if_exists=True,
    )
    return study


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
