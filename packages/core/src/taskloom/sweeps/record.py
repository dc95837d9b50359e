"""Contents of `sweep.json`: the points of a sweep, and how each run of it is kept and placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from taskloom.errors import RunCorruptError
from taskloom.given.tasks import check_placement
from taskloom.placement.options import checked_options
from taskloom.records.checks import (
    read_integer,
    read_table,
    read_text,
    read_texts,
    read_truth,
    read_words,
)
from taskloom.records.documents import read_object
from taskloom.records.files import stat_file
from taskloom.records.folders import names_holding
from taskloom.records.options import read_option
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import default_store, new_id
from taskloom.runs.record import timestamp
from taskloom.runs.writer import atomic_write_json, store_error
from taskloom.secrets import vault
from taskloom.secrets.redaction import KNOWN

FORMAT = 1
RECORD = "sweep.json"
LAST = "@last-sweep"
SEARCH = "search.json"
"""Record of a search, beside that of the sweep which it is."""
EXECUTOR = "local"
"""Executor of the runs of a sweep unless the options name another."""
_OF_THE_CALL = (
    *(
        "store",
        "resume",
        "quiet",
        "capture",
        "fresh",
        "accept",
        "accept_changes",
        "claimed",
        "task_domain",
    ),
)
"""Options of the call alone, which no record keeps: where the store is, and what this process says, does and takes."""
_HERE: dict[str, Any] = {name: getattr(RunOptions(), name) for name in _OF_THE_CALL}
_OLDEST = ("force", "executor", "jobs", "resources", "sinks", "keep_best")
"""The options that every sweep's record holds."""


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
class SweepRecord:
    """A sweep as its folder tells it.

    Attributes:
        id: Its id, which is also the name of its folder.
        domain: The domain.
        task: The task's name inside the domain.
        version: The task's version.
        points: What is to be run.
        options: How each run is kept and placed; `force` runs points although an identical run has finished elsewhere.
        keep_going: Whether a failed run leaves the others alone.
        argv: The command line.
        created: When it was made [UTC].
        code: Place of the code of a task that is not installed, as in the record of a run; or empty.
    """

    id: str
    domain: str
    task: str
    version: int
    points: tuple[SweepPoint, ...]
    options: RunOptions = field(default_factory=RunOptions)
    keep_going: bool = True
    argv: tuple[str, ...] = ()
    created: str = ""
    code: Mapping[str, str] = field(default_factory=dict)


def create_sweep(
    loaded: LoadedTask,
    points: Sequence[SweepPoint],
    options: RunOptions,
    origin: Origin = Origin(),
    *,
    keep_going: bool = True,
) -> SweepRecord:
    """Write the record of a new sweep into a folder of its own.

    Args:
        loaded: The task.
        points: What is to be run.
        options: How each run is kept and placed.
        origin: Who asked for the sweep.
        keep_going: Whether a failed run leaves the others alone.

    Raises:
        UnknownNameError: There is no such executor or sink.
        UsageError: An option makes no sense.
        StoreError: The store cannot be written.
    """
    options = checked_options(options, executor=EXECUTOR)
    check_placement(loaded, options.executor)
    vault.check_placement((point.identity for point in points), options.executor)
    entry, store = loaded.entry, default_store(options.store)
    name = new_id("sweep", entry.domain, entry.ref.name)
    record = SweepRecord(
        name,
        entry.domain,
        entry.ref.name,
        entry.ref.version,
        tuple(points),
        replace(options, **_HERE),
        keep_going,
        KNOWN.tree(tuple(origin.argv)),
        timestamp(),
        loaded.given.record() if loaded.given is not None else {},
    )
    folder = store / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise store_error("make a sweep in", store, error) from error
    write_sweep(record, folder)
    return record


def write_sweep(record: SweepRecord, folder: Path) -> None:
    """Write the record of a sweep, or write it anew: a study that looks gets its points one seed after the other.

    Raises:
        StoreError: It cannot be written; the one before is intact.
    """
    atomic_write_json(folder / RECORD, {"format": FORMAT, **_document(record)})


def with_call(record: SweepRecord, options: RunOptions) -> SweepRecord:
    """Return the record with the options that this call alone gives, which its file does not keep."""
    told = {name: getattr(options, name) for name in _OF_THE_CALL}
    return replace(record, options=replace(record.options, **told))


def _document(record: SweepRecord) -> dict[str, Any]:
    """Return what `sweep.json` holds: the options are written flat, and those that came later only where they were used."""
    document = asdict(record)
    if not record.code:
        del document["code"]
    options, defaults = document.pop("options"), asdict(RunOptions())
    kept = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in options.items()
        if name not in _HERE and (name in _OLDEST or value != defaults[name])
    }
    return document | kept


def read_sweep(folder: Path) -> SweepRecord:
    """Read a sweep's record.

    Raises:
        RunCorruptError: It is missing or damaged.
    """
    value = read_object(folder, RECORD)
    try:
        if value.pop("format") != FORMAT:
            raise ValueError("it has another format")
        points = tuple(_read_point(point) for point in value["points"])
        kept = {
            item.name: read_option(value, item.name)
            for item in fields(RunOptions)
            if item.name not in _HERE and (item.name in value or item.name == "resources")
        }
        options = RunOptions(**{"executor": EXECUTOR, **kept})
        told = {name: read_text(value, name) for name in ("id", "domain", "task", "created")}
        if told["id"] != folder.name:  # a copy, or a name that leads elsewhere
            raise ValueError(f"it names another sweep, {told['id'][:80]!r}")
        version, argv = read_integer(value, "version"), read_texts(value, "argv")
        goes_on = read_truth(value, "keep_going")
        code = read_words(value, "code") if "code" in value else {}
        return SweepRecord(
            **told,
            version=version,
            points=points,
            options=options,
            keep_going=goes_on,
            argv=argv,
            code=code,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunCorruptError(
            f"{folder / RECORD} is damaged: {error}.", reason=f"{RECORD}: {error}"
        ) from None


def _read_point(value: Mapping[str, Any]) -> SweepPoint:
    sources = read_words(value, "sources") if "sources" in value else {}
    return SweepPoint(read_text(value, "identity"), read_table(value, "config"), sources)


def is_sweep(folder: Path) -> bool:
    """Return whether a folder is that of a sweep."""
    return stat_file(folder, RECORD) is not None


def find_sweep(reference: str, store: Path) -> Path | None:
    """Return the folder of the sweep that the reference names: an id, a unique part of one, `@last-sweep`, or a path."""
    path = Path(reference)
    if "/" in reference and path.is_dir() and stat_file(path.resolve(), RECORD):
        return path.resolve()
    names = names_holding(store, RECORD)
    if reference == LAST:
        # Names begin with the moment at which a sweep was made.
        return (store / names[-1]).absolute() if names else None
    matches = [name for name in names if name == reference] or [
        name
        for name in names
        if reference and (name.startswith(reference) or name.endswith("-" + reference))
    ]
    return (store / matches[0]).absolute() if len(matches) == 1 else None
