"""Opening what has a name: a task with a config, a run, and the task of a run.

Verbs, exports and tests open through these three functions and nothing else. No environment variable has a say: a recorded
config is what the record says, and values given in Python are what the caller wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskloom.bound import BoundTask
from taskloom.config import Config
from taskloom.errors import UsageError
from taskloom.lifecycle.lifecycle import construct, read_config
from taskloom.params import resolve, value_layers
from taskloom.registry import LoadedTask, find_task, load_task
from taskloom.runs import open_run as find_run
from taskloom.runs.run import Run


def open_task(
    name: str, config: Config | Mapping[str, object] | None = None, /, **values: object
) -> BoundTask[Any, Config]:
    """Return a task with a config.

        open_task("hci/pointing", assistant="big", episodes=200).task

    Args:
        name: The task with its domain: `hci/pointing`.
        config: Its config, or values by dotted name: `{"user.error_rate": 0.1}`.
        **values: Values by name, on top of `config` where that is a mapping.

    Raises:
        UnknownNameError: There is no such domain, task, component or parameter.
        ConfigError: A value is not accepted.
        UsageError: The name has no domain, or values were given beside a whole config.
    """
    loaded = load_named(name)
    if isinstance(config, Config):
        if values:
            raise UsageError(
                f"open_task('{name}', ...): give a whole config or values by name, not both; "
                f"values: {', '.join(values)}."
            )
        return construct(loaded, config)
    return construct(loaded, config_from(loaded, {**(config or {}), **values}))


def config_from(loaded: LoadedTask, values: Mapping[str, object]) -> Config:
    """Return the config of a task with some values changed, as the command line would set them; nothing else is read.

    Raises:
        ConfigError: A value is not accepted, or there is no such parameter.
    """
    return resolve(loaded.config_class, base=value_layers(values), environ={}).config


def open_run(reference: str | Path, store: Path | str | None = None) -> Run:
    """Return a run by its id, a unique prefix of it, `@last`, or its folder.

        open_run("@last").metrics

    Args:
        reference: Id, prefix, `@last` or path.
        store: The folder that holds the runs; else `TASKS_STORE`, else `./runs`.

    Raises:
        RunNotFoundError: There is no such run, or several.
        RunCorruptError: Its record cannot be read.
    """
    return find_run(str(reference), Path(store) if store is not None else None)


def task_of(run: Run) -> BoundTask[Any, Config]:
    """Return the task of a run with the config of its record.

        task_of(open_run("@last")).describe()

    Raises:
        ConfigError: The task has changed its version or its parameters since.
        UnknownNameError: The task is not installed.
    """
    loaded = load_task(find_task(run.domain, run.task))
    return construct(loaded, read_config(loaded, run.layout, run.record))


def load_named(name: str) -> LoadedTask:
    """Import the task called `domain/task`.

    Raises:
        UsageError: The name has no domain.
        UnknownNameError: There is no such domain or task.
    """
    domain, _, task = name.partition("/")
    if not task:
        raise UsageError(f"'{name}' is no name of a task; write the domain too: hci/pointing.")
    return load_task(find_task(domain, task))
