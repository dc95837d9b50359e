"""Sweeps: a list of points with one parent, each run at most once, and continued after anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from taskloom.context import Resources
from taskloom.errors import ConfigError, ExitCode, RunCorruptError, StoreError
from taskloom.lifecycle.create import Origin, create_run
from taskloom.placement.executor import check_executor, open_executor
from taskloom.placement.place import Placement, Watcher
from taskloom.registry import LoadedTask
from taskloom.runs import index, provenance
from taskloom.runs.identity import identity
from taskloom.runs.layout import new_id
from taskloom.runs.record import timestamp
from taskloom.runs.run import Run
from taskloom.runs.writer import atomic_write_json, read_json, store_error
from taskloom.sinks.sink import check_sinks
from taskloom.sweeps.expand import Plan, Point, values_of

FORMAT = 1
RECORD = "sweep.json"


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One point of a sweep.

    Attributes:
        identity: The identity of its run.
        config: Its resolved config.
        sources: Where every value came from.
    """

    identity: str
    config: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep as its folder tells it.

    Attributes:
        id: Its id, which is also the name of its folder.
        domain: The domain.
        task: The task's name inside the domain.
        version: The task's version.
        points: What is to be run.
        force: Whether points run although an identical run has finished elsewhere.
        executor: Where runs are placed.
        jobs: How many at a time; 0 leaves it to the executor.
        keep_going: Whether a failed run leaves the others alone.
        resources: What each run may use.
        sinks: Where the runs' metrics go besides their folders.
        keep_best: Which checkpoint each run keeps besides the newest ones; or empty.
        argv: The command line.
        created: When it was made [UTC].
    """

    id: str
    domain: str
    task: str
    version: int
    points: tuple[SweepPoint, ...]
    force: bool = False
    executor: str = "local"
    jobs: int = 0
    keep_going: bool = True
    resources: Resources = field(default_factory=Resources)
    sinks: tuple[str, ...] = ()
    keep_best: str = ""
    argv: tuple[str, ...] = ()
    created: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sweep stands.

    Attributes:
        sweep: The sweep.
        runs: One run for each point, None where there is none yet.
        exit_code: 0 if every point has finished.
    """

    sweep: Sweep
    runs: tuple[Run | None, ...]
    exit_code: ExitCode


def plan_points(
    loaded: LoadedTask, plan: Plan, fixed: Point, files: Sequence[Path] = ()
) -> list[SweepPoint]:
    """Resolve every point of a plan; two with the same identity are one.

    A value that only some of the components chosen in the plan have is left out of the points that choose another.

    Raises:
        ConfigError: A point is not accepted; nothing has been run.
    """
    from taskloom.params import Applicable, resolve

    entry = loaded.entry
    points: dict[str, SweepPoint] = {}
    expanded = [{**fixed, **point} for point in plan.expand()]
    applicable = Applicable(loaded.config_class, values_of(expanded), files=files)
    for point in expanded:
        resolved = resolve(loaded.config_class, files=files, arguments=applicable.to(point))
        key = identity(entry.domain, entry.ref.name, entry.ref.version, resolved.config)
        points.setdefault(
            key, SweepPoint(key, resolved.config.model_dump(mode="json"), resolved.sources)
        )
    return list(points.values())


def create_sweep(
    loaded: LoadedTask,
    points: Sequence[SweepPoint],
    store: Path,
    **settings: Any,  # noqa: ANN401 -- Sweep's fields
) -> Sweep:
    """Write the record of a new sweep into a folder of its own.

    Raises:
        UnknownNameError: There is no such executor.
        StoreError: The store cannot be written.
    """
    check_sinks(settings.get("sinks", ()))
    check_executor(settings.get("executor", "local"), settings.get("jobs", 0))
    entry = loaded.entry
    name = new_id("sweep", entry.domain, entry.ref.name)
    sweep = Sweep(
        name,
        entry.domain,
        entry.ref.name,
        entry.ref.version,
        tuple(points),
        created=timestamp(),
        **settings,
    )
    folder = store / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise store_error("make a sweep in", store, error) from error
    atomic_write_json(folder / RECORD, {"format": FORMAT, **asdict(sweep)})
    return sweep


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep's record.

    Raises:
        RunCorruptError: It is missing or damaged.
    """
    value = read_json(folder / RECORD)
    try:
        if value.pop("format") != FORMAT:
            raise ValueError("it has another format")
        points = tuple(SweepPoint(**point) for point in value.pop("points"))
        resources, argv = Resources(**value.pop("resources")), tuple(value.pop("argv"))
        sinks = tuple(value.pop("sinks", ()))
        return Sweep(points=points, resources=resources, sinks=sinks, argv=argv, **value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunCorruptError(f"{folder / RECORD} is damaged: {error}.") from None


def run_sweep(loaded: LoadedTask, sweep: Sweep, store: Path, watcher: Watcher) -> Outcome:
    """Run what a sweep is missing: begin it, or continue it after anything.

    Points whose run has finished are left alone, whoever ran it. A run that began is continued in its folder; the rest get
    folders as there is room for them.

    Raises:
        ConfigError: The task has changed its version since the sweep was made.
        StoreError: The store cannot be written.
    """
    check_version(sweep, loaded)
    executor = open_executor(sweep.executor, sweep.jobs)
    try:
        placement = Placement(executor, sweep.resources, watcher, keep_going=sweep.keep_going)
        placement.run(_missing(loaded, sweep, store))
    finally:
        executor.close()
    runs = tuple(runs_of(sweep, store).get(point.identity) for point in sweep.points)
    done = all(run is not None and run.status == "finished" for run in runs)
    code = placement.exit_code or (ExitCode.OK if done else ExitCode.FAILED)
    return Outcome(sweep, runs, code)


def check_version(sweep: Sweep, loaded: LoadedTask) -> None:
    """Refuse a sweep of another version of its task than the installed one.

    Raises:
        ConfigError: The task has changed its version since the sweep was made.
    """
    if sweep.version != loaded.entry.ref.version:
        raise ConfigError(
            f"The sweep {sweep.id} is of version {sweep.version} of '{sweep.domain} {sweep.task}', and version "
            f"{loaded.entry.ref.version} is installed; it cannot be continued."
        )


def runs_of(sweep: Sweep, store: Path) -> dict[str, Run]:
    """Return the run of each point, by identity: its own if it has one, else a finished one of anybody's."""
    wanted = {point.identity for point in sweep.points}
    found: dict[str, Run] = {}
    for document in _candidates(sweep, store):
        if document.get("identity") not in wanted:
            continue
        is_own = document.get("sweep") == sweep.id
        if is_own or (document.get("status") == "finished" and not sweep.force):
            try:
                run = Run(store / document["folder"])
            except RunCorruptError:
                continue
            known = found.get(run.record.identity)
            if known is None or (
                known.status != "finished" and (is_own or run.status == "finished")
            ):
                found[run.record.identity] = run
    return found


def _candidates(sweep: Sweep, store: Path) -> list[dict[str, Any]]:
    return index.documents(store)[0]


def _missing(loaded: LoadedTask, sweep: Sweep, store: Path) -> Iterator[Path]:
    """Yield the folder of each point that has not finished, making it if there is none."""
    from taskloom.params import validate_record

    known = runs_of(sweep, store)
    where = f"the sweep {store / sweep.id / RECORD}"
    found: provenance.Provenance | None = None
    for point in sweep.points:
        run = known.get(point.identity)
        if run is not None:
            if run.status != "finished":
                yield run.dir
            continue
        found = found or provenance.gather(Path.cwd())
        config = validate_record(loaded.config_class, point.config, where)
        origin = Origin(
            sources=point.sources,
            argv=sweep.argv,
            sweep=sweep.id,
            sinks=sweep.sinks,
            keep_best=sweep.keep_best,
        )
        yield create_run(loaded, config, store, origin, sweep.resources, found=found).dir


def find_sweep(reference: str, store: Path) -> Path | None:
    """Return the folder of the sweep that the reference names: an id, a unique part of one, or a path."""
    path = Path(reference)
    if "/" in reference and (path / RECORD).is_file():
        return path.resolve()
    try:
        names = sorted(item.parent.name for item in store.glob(f"*/{RECORD}"))
    except OSError as error:
        raise StoreError(f"Cannot read the store {store}: {error.strerror}.") from error
    matches = [name for name in names if name == reference] or [
        name for name in names if name.startswith(reference) or name.endswith("-" + reference)
    ]
    return (store / matches[0]).absolute() if len(matches) == 1 else None
