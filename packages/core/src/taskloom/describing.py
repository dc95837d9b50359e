"""Description of a task: what it is, takes and needs. `tasks info` prints it, `taskloom.info` returns it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from taskloom.bound import BoundTask
from taskloom.config import Config
from taskloom.errors import ConfigError, TaskloomError
from taskloom.lifecycle.lifecycle import construct
from taskloom.params.tree import Parameter, walk
from taskloom.registry.entries import LoadedTask
from taskloom.show.cells import table_html
from taskloom.task import Checkable, JsonValue


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """Description of a task.

    Attributes:
        name: Its name, `domain/task`.
        summary: One sentence.
        version: Its version, which is part of a run's identity.
        distribution: The distribution that brought it, with its version; empty for a task of a file.
        licence: The licence of that distribution.
        source: Where its code is.
        config: Where its config class is.
        needs: What the distribution requires.
        can: What the task can do besides running: check itself, resume.
        describes: What the task says of itself.
        parameters: One row a parameter: name, type, default, bounds, unit, help, choices.
    """

    name: str
    summary: str = ""
    version: int = 1
    distribution: str = ""
    licence: str = ""
    source: str = ""
    config: str = ""
    needs: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    describes: dict[str, JsonValue] = field(default_factory=dict)
    parameters: tuple[dict[str, Any], ...] = ()

    def _repr_html_(self) -> str:
        columns = ("name", "type", "default", "unit", "help")
        rows = [{name: row[name] for name in columns} for row in self.parameters]
        return table_html(rows, f"{self.name}: {self.summary}")


def info_of(loaded: LoadedTask) -> TaskInfo:
    """Return the description of a task at its defaults."""
    facts = facts_of(loaded)
    can, describes = described(loaded, loaded.config_class, is_asked=False)
    return TaskInfo(
        f"{facts['domain']}/{facts['task']}",
        **{name: facts[name] for name in ("summary", "version", "distribution", "licence")},
        **{name: facts[name] for name in ("source", "config")},
        needs=tuple(facts["needs"]),
        can=tuple(can),
        describes=describes,
        parameters=tuple(row_of(item) for item in walk(loaded.config_class)),
    )


def facts_of(loaded: LoadedTask) -> dict[str, Any]:
    """Return what is known of a task without making it."""
    entry = loaded.entry
    version, licences, needs = "", list[str](), list[str]()
    try:
        # A task of a file is of no distribution.
        found = metadata(entry.distribution) if entry.distribution else None
    except PackageNotFoundError:
        found = None
    if found is not None:
        version = found["Version"]
        licences = [*(found.get_all("License-Expression") or ()), *(found.get_all("License") or ())]
        needs = [text for text in found.get_all("Requires-Dist") or [] if "extra ==" not in text]
    return {
        "domain": entry.domain,
        "task": entry.ref.name,
        "summary": entry.ref.summary,
        "version": entry.ref.version,
        "distribution": f"{entry.distribution} {version}".strip(),
        "licence": licences[0] if licences else "",
        "source": entry.ref.target,
        "config": f"{loaded.config_class.__module__}:{loaded.config_class.__qualname__}",
        "needs": needs,
    }


def described(
    loaded: LoadedTask, resolve: Callable[[], Config], *, is_asked: bool
) -> tuple[Sequence[str], dict[str, Any]]:
    """Return the abilities of the task and its own facts; of a task that cannot be made here there are none.

    Args:
        loaded: The task.
        resolve: Returns the config to make it with.
        is_asked: Whether the caller gave values, whose faults must be told.

    Raises:
        ConfigError: A value that the caller gave is not accepted.
    """
    try:
        config = resolve()
    except (ConfigError, ValueError):
        if is_asked:
            raise
        return [], {}  # it has parameters without a default, and none was given
    try:
        bound = construct(loaded, config)
    except TaskloomError as error:
        return [], {"cannot be constructed": error.message}
    can = ["check itself"] * _checks(bound) + ["resume"] * bound.can_resume()
    try:
        return can, bound.describe()
    except Exception as error:  # whatever a task's own description raises
        return can, {"cannot be described": f"{type(error).__name__}: {error}"}


def _checks(bound: BoundTask[Any, Config]) -> bool:
    return bound.driver is not None or isinstance(bound.task, Checkable)


def row_of(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter as `tasks info --json` shows it."""
    return {
        "name": parameter.path,
        "type": parameter.type,
        "default": parameter.default,
        "bounds": list(parameter.bounds),
        "unit": parameter.unit,
        "help": parameter.help,
        "choices": list(parameter.choices),
        "component": parameter.is_component,
    }
