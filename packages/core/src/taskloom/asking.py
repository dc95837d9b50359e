"""From what Python code asks for, `"hci/pointing", assistant="big"`, to a task and its config.

The environment does not count here: a call gives the same config on every machine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import date, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias

from pydantic import BaseModel, SecretBytes, SecretStr

from taskloom.config import Config
from taskloom.errors import ConfigError, PluginError, UnknownNameError, UsageError
from taskloom.given.tasks import class_task, file_task, is_file, is_given
from taskloom.params.labels import plain
from taskloom.params.layer import DEFAULT, PYTHON, Layer, nest
from taskloom.params.layers import Resolved, validate
from taskloom.params.merge import merge
from taskloom.params.texts import refuse_halves
from taskloom.params.tree import leaves
from taskloom.registry.discovery import installed_domains, tasks_of
from taskloom.registry.entries import LoadedTask, TaskEntry
from taskloom.registry.resolve import find_task, load_task
from taskloom.request import RunOptions
from taskloom.secrets.fields import settled
from taskloom.settling import table

Asked: TypeAlias = "str | Config | Callable[..., Any]"
"""A task by its name `domain/task`, by a config that it takes, or by its class or factory."""
_ABSENT = object()
_ONE_VALUE = (str, bytes, Mapping, BaseModel)
_OBJECTS = (SecretStr, SecretBytes, Enum, PurePath, date, time, timedelta)


def resolve_request(
    task: Asked,
    values: Mapping[str, object] | Config | None,
    by_name: Mapping[str, object],
    domain: str = "",
) -> tuple[LoadedTask, Resolved]:
    """Return the task that a call asks for, and its config.

    Args:
        task: The task.
        values: Values by dotted path, or a whole config.
        by_name: Further values; they win.
        domain: The domain of a class that is not installed, where it fits several.

    Raises:
        UnknownNameError: The task, a parameter or a component does not exist.
        ConfigError: A value is not accepted.
    """
    loaded = find_asked(task, domain)
    whole = task if isinstance(task, Config) else values
    if not isinstance(whole, Config):
        _refuse_options(loaded.config_class, by_name)
        given = {} if whole is None else table("Values of a config", whole)
        return loaded, resolve_values(loaded.config_class, {**given, **by_name})
    if by_name or (whole is task and values):
        raise UsageError(
            f"A {type(whole).__name__} is a whole config, so no further values go with it.",
            hint="change a copy of it: config.model_copy(update={...})",
        )
    if not isinstance(whole, loaded.config_class):
        raise ConfigError(
            f"The task '{_label(loaded.entry)}' takes a {loaded.config_class.__name__}, "
            f"not a {type(whole).__name__}."
        )
    refuse_halves(whole)
    return loaded, Resolved(settled(whole), _sources(whole), [])


def require_options(options: object) -> None:
    """Refuse options of a run that are a table, or anything else.

    Raises:
        UsageError: So they are.
    """
    if not isinstance(options, RunOptions):
        names = ", ".join(f"{name}=..." for name in options) if isinstance(options, dict) else ""
        kind = options.__name__ if isinstance(options, type) else f"a {type(options).__name__}"
        raise UsageError(
            f"options are a taskloom.RunOptions, not {kind}.",
            hint=f"options=taskloom.RunOptions({names})",
        )


def listed_values(what: str, by_path: object, fixed: Mapping[str, object]) -> dict[str, list[Any]]:
    """Return the values that each parameter takes, by path; what is no list is one value.

    Args:
        what: The name for the parameters in messages: `axes`.
        by_path: What was given.
        fixed: The values that do not vary.

    Raises:
        UsageError: It is no table, a parameter has no value, or one that also has a fixed value.
    """
    found: dict[str, list[Any]] = {}
    for path, values in table(what, by_path).items():
        is_list = isinstance(values, Iterable) and not isinstance(values, _ONE_VALUE)
        is_list = is_list and getattr(values, "ndim", 1) > 0
        found[path] = list(values) if is_list and isinstance(values, Iterable) else [values]
        if not found[path]:
            raise UsageError(f"'{path}' has no values: give it at least one.")
        if path in fixed:
            raise UsageError(f"'{path}' varies and has a fixed value too: leave out one of them.")
    return found


def _refuse_options(config_class: type[Config], by_name: Mapping[str, object]) -> None:
    """Refuse an option of the run that is given as a value of its config.

    Raises:
        UnknownNameError: There is one, and the config has no field of that name.
    """
    options = {field.name for field in fields(RunOptions)}
    for name in by_name:
        if name in options and name not in config_class.model_fields:
            raise UnknownNameError(
                f"no parameter '{name}' (from {PYTHON}); it is an option of the run",
                hint=f"options=taskloom.RunOptions({name}=...)",
            )


def resolve_values(config_class: type[Config], values: Mapping[str, object]) -> Resolved:
    """Return the config that values by dotted path lead to, over the defaults.

        resolve_values(WalkConfig, {"steps": 3, "feeder": Drip(rate=0.5)}).config

    Args:
        config_class: The task's config class.
        values: Numbers, texts, lists, tables and components, by path.

    Raises:
        UnknownNameError: A parameter or a component does not exist.
        ConfigError: A value is not accepted.
    """
    # As on the command line, a component is chosen before it is tuned, in whatever order the values come.
    ordered = sorted(values.items(), key=lambda item: item[0].removesuffix(".kind").count("."))
    layers = [
        Layer(PYTHON, nest(path, written(value)), typed=True, literal=True)
        for path, value in ordered
    ]
    merged = merge(config_class, layers)
    config = validate(config_class, merged)
    sources = {path: merged.sources.get(path, DEFAULT) for path in leaves(config)}
    return Resolved(config, sources, merged.notes)


def written(value: object) -> Any:  # noqa: ANN401 -- JSON
    """Return a value as a config file would hold it; arrays and numbers of numerical libraries become lists and numbers."""
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        return to_list()
    if isinstance(value, Mapping):
        return {str(name): written(item) for name, item in value.items()}
    if isinstance(value, range | list | tuple):
        return [written(item) for item in value]
    # A secret stays itself, since what stands for it in a file is not its value; so does what a file can only hold as text.
    return value if isinstance(value, _OBJECTS) else plain(value)


def find_asked(task: Asked, asked: str = "") -> LoadedTask:
    """Return the task that a name, a file, a config or a class stands for.

    Args:
        task: What stands for it.
        asked: The domain of a class that is not installed, where it fits several.

    Raises:
        UnknownNameError: There is no such task.
        UsageError: It cannot be told which task is meant.
    """
    if isinstance(task, str):
        if is_file(task):
            return file_task(task, asked)
        domain, slash, name = task.partition("/")
        if not slash:
            raise UsageError(
                f"'{task}' names no task; write it as domain/task, or as file.py:Name.",
                hint="tasks list shows the installed ones",
            )
        return load_task(find_task(domain, name))
    wanted = type(task) if isinstance(task, BaseModel) else task
    if not callable(wanted):
        own = type(task)
        raise UsageError(
            f"A {own.__name__} stands for no task; give its name: domain/task.",
            hint=f"or its class: {own.__name__}" if hasattr(own, "run") and is_given(own) else "",
        )
    if is_given(wanted):
        return class_task(wanted, asked)
    found = _tasks_with(wanted)
    if len(found) == 1:
        return found[0]
    name = getattr(wanted, "__name__", repr(wanted))
    if not found:
        raise UnknownNameError(
            f"No installed task takes or is {name}.",
            hint="tasks list shows the installed tasks; tasks new makes a package for one",
        )
    names = [_label(loaded.entry) for loaded in found]
    raise UsageError(
        f"{name} belongs to {len(found)} tasks: {', '.join(names)}.",
        hint=f"give the name first: '{names[0]}'",
    )


def _tasks_with(wanted: object) -> list[LoadedTask]:
    """Return the tasks whose factory or config class is the wanted one: of its own package if there are any."""
    package = str(getattr(wanted, "__module__", "")).partition(".")[0]
    entries = [entry for item in installed_domains() for entry in tasks_of(item.ref.name)]
    own = [entry for entry in entries if entry.ref.target.partition(".")[0] == package]
    # A plugin that reuses a config must not make a call ambiguous that worked before it was installed.
    others = [entry for entry in entries if entry not in own]
    return list(_matching(own, wanted)) or list(_matching(others, wanted))


def _matching(entries: list[TaskEntry], wanted: object) -> Iterator[LoadedTask]:
    for entry in entries:
        with contextlib.suppress(PluginError):
            loaded = load_task(entry)
            if wanted in (loaded.factory, loaded.config_class):
                yield loaded


def _label(entry: TaskEntry) -> str:
    return f"{entry.domain}/{entry.ref.name}"


def _sources(config: Config) -> dict[str, str]:
    """Return where each value of a whole config comes from, judged by the defaults of its class."""
    try:
        defaults = leaves(resolve_values(type(config), {}).config)
    except ConfigError:  # something has no default
        defaults = {}
    return {
        path: DEFAULT if value == defaults.get(path, _ABSENT) else PYTHON
        for path, value in leaves(config).items()
    }
