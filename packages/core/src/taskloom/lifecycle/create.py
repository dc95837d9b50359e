"""Making a run's folder: complete before it can be seen."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskloom.config import Config
from taskloom.errors import StoreError
from taskloom.identity.identify import Identified, identify
from taskloom.identity.machine import GivenDevices
from taskloom.lifecycle.console import VOICE
from taskloom.params.files import to_toml
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs import provenance
from taskloom.runs.layout import RunLayout, default_store, new_id
from taskloom.runs.record import KEPT, RunRecord, timestamp, write_record
from taskloom.runs.writer import atomic_write, atomic_write_json, store_error
from taskloom.secrets import vault
from taskloom.secrets.fields import dumped
from taskloom.secrets.redaction import KNOWN

_TRIES = 20


def create_run(
    loaded: LoadedTask,
    config: Config,
    options: RunOptions,
    origin: Origin = Origin(),
    *,
    now: Identified | None = None,
    found: Mapping[str, Any] | None = None,
) -> RunLayout:
    """Make the folder of a new run, in status `created`.

    The record is written last, and a folder without one is no run: nothing half-written is ever listed.

    Args:
        loaded: The task.
        config: Its resolved config.
        options: How the run is kept and placed.
        origin: Who asked for it.
        now: Its identity, where that is known already.
        found: Its provenance, where that is known already: the runs of a sweep share it.

    Raises:
        StoreError: The store cannot be written; nothing is left behind.
    """
    entry = loaded.entry
    now = now or identify_asked(loaded, config, options)
    voice = VOICE.get()
    layout = _make_folder(default_store(options.store), entry.domain, entry.ref.name)
    try:
        record = RunRecord(
            id=layout.dir.name,
            domain=entry.domain,
            task=entry.ref.name,
            version=entry.ref.version,
            identity=now.identity,
            config=dumped(config),
            sources=dict(origin.sources),
            argv=tuple(KNOWN.text(provenance.strip_credentials(word)) for word in origin.argv),
            sweep=origin.sweep,
            created=timestamp(),
            config_id=now.config_id,
            inputs=now.inputs,
            cwd=str(now.cwd),
            origin={"kind": origin.kind or (voice.kind if voice is not None else "cli")},
            code=loaded.given.record() if loaded.given is not None else {},
            **{name: KNOWN.tree(getattr(options, name)) for name in KEPT},
        )
        repeat = f"# tasks run {shlex.join(loaded.words)} --config config.toml\n"
        atomic_write(layout.config, repeat + to_toml(config))
        atomic_write_json(layout.environment, found or provenance.gather())
        write_record(layout.record, record)
        vault.keep(str(layout.dir), config)
    except BaseException:
        shutil.rmtree(layout.dir, ignore_errors=True)
        raise
    return layout


def identify_asked(loaded: LoadedTask, config: Config, options: RunOptions) -> Identified:
    """Return the identity of what is asked for with these options.

    Raises:
        UsageError: A field names something that cannot be read.
        RunNotFoundError: A field names no run.
    """
    is_here = options.executor in ("", *vault.IN_MEMORY)
    return identify(
        loaded,
        config,
        cwd=options.cwd,
        store=options.store,
        by_time=options.inputs == "mtime",
        devices=GivenDevices(options.resources.gpus, is_here=is_here),
    )


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
