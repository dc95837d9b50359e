"""Making a run's folder: complete before anybody can see it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskloom.config import Config
from taskloom.context import Resources
from taskloom.errors import StoreError
from taskloom.registry import LoadedTask
from taskloom.runs import provenance
from taskloom.runs.identity import identity
from taskloom.runs.layout import RunLayout, new_id
from taskloom.runs.record import RunRecord, timestamp, write_record
from taskloom.runs.writer import atomic_write, atomic_write_json, store_error

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for a run, and how; nothing of it changes what is computed.

    Attributes:
        sources: Where every value of the config came from.
        argv: The command line.
        name: A name for people.
        tags: Labels for people.
        parent: The run that this one continues with other parameters.
        sweep: The sweep that the run belongs to.
        sinks: Where its metrics go besides its folder.
        keep_best: Which checkpoint is kept besides the newest ones: `METRIC:min` or `METRIC:max`; or empty.
    """

    sources: Mapping[str, str] | None = None
    argv: Sequence[str] = ()
    name: str = ""
    tags: Sequence[str] = ()
    parent: str = ""
    sweep: str = ""
    sinks: Sequence[str] = ()
    keep_best: str = ""


def create_run(
    loaded: LoadedTask,
    config: Config,
    store: Path,
    origin: Origin,
    resources: Resources,
    *,
    found: provenance.Provenance | None = None,
) -> RunLayout:
    """Make the folder of a new run, in status `created`.

    `found` is its provenance, if somebody has gathered it already: the runs of a sweep share it.

    The record is written last, and a folder without one is no run: nothing half-written is ever listed.

    Raises:
        StoreError: The store cannot be written; nothing is left behind.
    """
    # The params package imports pydantic, as the config did already.
    from taskloom.params import to_toml

    entry = loaded.entry
    layout = _make_folder(store, entry.domain, entry.ref.name)
    try:
        record = RunRecord(
            id=layout.dir.name,
            domain=entry.domain,
            task=entry.ref.name,
            version=entry.ref.version,
            identity=identity(entry.domain, entry.ref.name, entry.ref.version, config),
            config=config.model_dump(mode="json"),
            sources=dict(origin.sources or {}),
            argv=tuple(provenance.strip_credentials(word) for word in origin.argv),
            name=origin.name,
            tags=tuple(origin.tags),
            parent=origin.parent,
            sweep=origin.sweep,
            sinks=tuple(origin.sinks),
            keep_best=origin.keep_best,
            resources=resources,
            created=timestamp(),
        )
        repeat = f"# tasks run {entry.domain} {entry.ref.name} --config config.toml\n"
        atomic_write(layout.config, repeat + to_toml(config))
        _write_provenance(layout, found or provenance.gather(Path.cwd()))
        write_record(layout.record, record)
    except BaseException:
        shutil.rmtree(layout.dir, ignore_errors=True)
        raise
    return layout


def _write_provenance(layout: RunLayout, found: provenance.Provenance) -> None:
    atomic_write_json(layout.environment, found.environment)
    if found.patch:
        atomic_write(layout.patch, found.patch.encode(errors="replace").decode())


def _make_folder(store: Path, domain: str, task: str) -> RunLayout:
    try:
        store.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            folder = store / new_id(domain, task)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return RunLayout(folder.absolute())
    except OSError as error:
        raise store_error("make a run in", store, error) from error
    raise StoreError(f"Cannot find a free run id in {store}.")
