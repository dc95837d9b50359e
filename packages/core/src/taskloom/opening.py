"""Opening what has a name: a task with a config, a run, and the task of a run.

Verbs, exports and tests open through these three functions and nothing else. No environment variable has a say: a recorded
config is what the record says, and values given in Python are what the caller wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskloom.asking import Asked, resolve_request
from taskloom.bound import BoundTask
from taskloom.config import Config
from taskloom.errors import RunCorruptError
from taskloom.given.tasks import recorded_task
from taskloom.identity.filecache import FileCache
from taskloom.identity.stale import Staleness
from taskloom.lifecycle.lifecycle import construct, read_config
from taskloom.runs.run import Run, open_run as find_run
from taskloom.settling import settled


def open_task(
    task: Asked, values: Mapping[str, object] | Config | None = None, /, **by_name: object
) -> BoundTask[Any, Config]:
    """Return a task with a config.

        >>> import taskloom as tl
        >>> tl.open_task("hci/pointing", assistant="big", cells=9).config.cells
        9

    Args:
        task: Its name, `domain/task`; or its class; or a config, if one task alone takes such a config.
        values: Values of the config by dotted path, `{"user.error_rate": 0.1}`; or a whole config.
        **by_name: Further values of the config.

    Raises:
        UnknownNameError: There is no such domain, task, component or parameter.
        ConfigError: A value is not accepted.
        PluginError: What the task's factory made is no task of its domain.
    """
    loaded, resolved = resolve_request(task, values, by_name)
    return construct(loaded, resolved.config)


def open_run(reference: str | Path, store: Path | str | None = None) -> Run:
    """Return a run by its id, a unique prefix of it, `@last`, or its folder.

        >>> import taskloom as tl
        >>> run = tl.run("hci/pointing", episodes=20)
        >>> tl.open_run(run.id).metrics["episodes"], tl.open_run("@last").id == run.id
        (20.0, True)

    Args:
        reference: Id, prefix, `@last` or path.
        store: The folder that holds the runs; else `TASKS_STORE`, else `./runs`.

    Raises:
        UsageError: The reference is neither a text nor a path.
        RunNotFoundError: There is no such run, or several.
        RunCorruptError: Its record cannot be read.
    """
    named = settled("The reference of a run", reference, str | Path)
    return find_run(str(named), settled("store", store, Path | None))


def task_of(run: Run) -> BoundTask[Any, Config]:
    """Return the task of a run with the config of its record.

        >>> import taskloom as tl
        >>> tl.task_of(tl.run("hci/pointing", episodes=20)).config.episodes
        20

    Raises:
        ConfigError: The task has changed its version or its parameters since.
        UnknownNameError: The task is not installed.
    """
    loaded = recorded_task(run.record)
    return construct(loaded, read_config(loaded, run.layout, run.record))


def rebuilt_task(run: Run) -> BoundTask[Any, Config]:
    """Return the task of a run for a loader that makes again what the config describes: a policy, a controller.

    Raises:
        RunCorruptError: A file or a run that the config names is not as it was, so this would be another one.
        ConfigError: As `task_of`.
        UnknownNameError: As `task_of`.
    """
    with FileCache(run.dir.parent) as files:
        changed = next(Staleness(run.dir.parent, files).changed_inputs(run), None)
    if changed is not None:
        raise RunCorruptError(f"Nothing can be loaded from {run.id}: {changed.sentence}.")
    return task_of(run)
