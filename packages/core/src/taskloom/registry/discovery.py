"""Entry points to domains and tasks, with every plugin isolated from the others.

Listing imports manifests and nothing else. A task that a plugin registers is not imported either: its entry point is only
looked at (`taskloom.registry.locate`). A name that two distributions bring is an error that names both, never "last one
wins".
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache

from taskloom.errors import PluginError
from taskloom.own import FIRST_PARTY
from taskloom.registry import installed
from taskloom.registry.entries import Broken, DomainEntry, TaskEntry
from taskloom.registry.installed import (
    EntryPoint,
    entry_points,
    is_first_party,
    summary_of,
)
from taskloom.registry.isolate import guarded, imported, load_target, manifest_seconds
from taskloom.registry.locate import what_is_missing
from taskloom.registry.manifest import cleaned
from taskloom.registry.refs import DomainRef, TaskRef
from taskloom.registry.suggest import did_you_mean

DOMAINS = "taskloom.domains"
"""The entry-point group of manifests."""
TASKS = "taskloom.tasks"
"""The entry-point group of single tasks, each named `domain.task`."""
_HERE = "this process"

_condemned: dict[str, str] = {}
_added: dict[str, dict[str, TaskEntry]] = {}


def installed_domains() -> list[DomainEntry]:
    """Return every domain whose manifest loads, by name."""
    found = (domain_named(name) for name in domain_names())
    return [entry for entry in found if isinstance(entry, DomainEntry)]


def broken_plugins() -> list[Broken]:
    """Return every plugin that cannot be used, with the reason."""
    domains = [entry for name in domain_names() if isinstance(entry := domain_named(name), Broken)]
    tasks = [
        entry
        for domain in dict.fromkeys(point.name.partition(".")[0] for point in entry_points(TASKS))
        for entry in task_table(domain).values()
        if isinstance(entry, Broken)
    ]
    return domains + tasks


def tasks_of(domain: str) -> list[TaskEntry]:
    """Return the tasks of a domain: its manifest's in their order, then those of plugins by name."""
    return [entry for entry in task_table(domain).values() if isinstance(entry, TaskEntry)]


def domain_names() -> list[str]:
    """Return the names of all registered domains, broken ones included."""
    return list(dict.fromkeys(point.name for point in entry_points(DOMAINS)))


@cache
def domain_named(name: str) -> DomainEntry | Broken | None:
    """Return the domain called `name`, or why it cannot be used, or None when no distribution registers it."""
    points = [point for point in entry_points(DOMAINS) if point.name == name]
    if not points:
        return None
    if len(points) > 1:
        return _duplicate(f"domain '{name}'", name, [point.distribution for point in points])
    point = points[0]
    if name in _condemned:
        return Broken(name, point.distribution, _condemned[name])
    try:
        if is_first_party(point.distribution):
            ref = load_target(point.target, what="its manifest")
            complaint = _complaint(ref, point)
        else:
            from taskloom.registry.quarantine import quarantined  # only for a third party

            with quarantined(name):
                ref, complaint = guarded(lambda: _read(point), "its manifest", manifest_seconds())
    except PluginError as error:
        return Broken(name, point.distribution, error.message)
    if complaint or not isinstance(ref, DomainRef):
        return Broken(name, point.distribution, complaint)
    return DomainEntry(ref, point.distribution)


def condemn(name: str, reason: str) -> None:
    """Never load the manifest of the domain `name`: it is known to end the process."""
    _condemned[name] = reason
    domain_named.cache_clear()


@cache
def task_table(domain: str) -> dict[str, TaskEntry | Broken]:
    """Return every task of a domain by its short name, broken ones included."""
    home = domain_named(domain)
    table: dict[str, TaskEntry | Broken] = {}
    if isinstance(home, DomainEntry):
        table = {
            ref.name: TaskEntry(domain, ref, home.distribution)
            for ref in home.ref.tasks
            if not absent_modules(ref)
        }
    for point in entry_points(TASKS):
        head, _, name = point.name.partition(".")
        if head == domain:
            earlier = table.get(name)
            table[name] = (
                _duplicate(
                    f"task '{point.name}'", point.name, [earlier.distribution, point.distribution]
                )
                if earlier is not None
                else _task(point, name, home)
            )
    return {**_added.get(domain, {}), **table}


def absent_modules(ref: TaskRef) -> list[str]:
    """Return the modules that a task needs and that are not installed."""
    return [name for name in ref.needs if not _is_installed(name)]


@cache
def _is_installed(module: str) -> bool:
    """Return whether a module can be found; a top-level one, so that nothing is imported to look."""
    return any(finder.find_spec(module, None) is not None for finder in sys.meta_path)


def add_task(domain: str, ref: TaskRef) -> None:
    """Give a task a name for the rest of this process: that of a script or a notebook, which no distribution brings.

    Raises:
        PluginError: An installed task has that name.
    """
    earlier = task_table(domain).get(ref.name)
    if earlier is not None and earlier.distribution != _HERE:
        raise PluginError(
            f"'{domain}/{ref.name}' is a task of {earlier.distribution}; choose another name."
        )
    _added.setdefault(domain, {})[ref.name] = TaskEntry(domain, ref, _HERE)
    task_table.cache_clear()


def remove_task(domain: str, name: str) -> None:
    """Take back the name that `add_task` gave.

    Raises:
        KeyError: It gave no such name.
    """
    del _added.get(domain, {})[name]
    task_table.cache_clear()


def freeze() -> None:
    """Take the plugins installed now for the rest of the process; see `taskloom.registry.installed.freeze`."""
    installed.freeze()


def forget() -> None:
    """Look at the installed distributions anew at the next question; see `taskloom.registry.refresh`."""
    installed.forget()
    _condemned.clear()
    domain_named.cache_clear()
    task_table.cache_clear()
    _is_installed.cache_clear()


def install_line(domain: str) -> str:
    """Return how to install a first-party domain that is missing, as a clause."""
    return f"domain '{domain}' is not installed: pip install 'taskloom[{domain}]'"


def _read(point: EntryPoint) -> tuple[object, str]:
    """Import a manifest and return it with plain values, and what is wrong with it."""
    ref = imported(point.target)
    if isinstance(ref, DomainRef):
        ref = cleaned(ref)
    return ref, _complaint(ref, point)


def _task(point: EntryPoint, name: str, home: DomainEntry | Broken | None) -> TaskEntry | Broken:
    domain = point.name.partition(".")[0]
    problem = what_is_missing(point.target)
    if not name:
        problem = f"a task's entry point is named 'domain.task', not '{point.name}'"
    elif isinstance(home, Broken):
        problem = f"its domain '{domain}' is broken"
    elif home is None:
        hint = did_you_mean(domain, [*domain_names(), *FIRST_PARTY])
        known = (
            install_line(domain)
            if domain in FIRST_PARTY
            else f"its domain '{domain}' is not installed"
        )
        problem = f"{known}; {hint}" if hint else known
    if problem:
        return Broken(point.name, point.distribution, problem.rstrip(".") + ".")
    return TaskEntry(
        domain, TaskRef(name, summary_of(point.folder), point.target), point.distribution
    )


def _duplicate(what: str, name: str, distributions: Iterable[str]) -> Broken:
    both = sorted(dict.fromkeys(part for text in distributions for part in text.split(" and ")))
    names = " and ".join(f"'{distribution}'" for distribution in both)
    remedy = f"uninstall one, or set TASKLOOM_DISABLE_PLUGINS={both[0]}"
    return Broken(name, " and ".join(both), f"{what} is registered by both {names}; {remedy}.")


def _complaint(ref: object, point: EntryPoint) -> str:
    """Return what is wrong with a manifest, as a sentence; an empty string when nothing is."""
    if not isinstance(ref, DomainRef):
        return f"'{point.target}' is of type {type(ref).__name__}, not a DomainRef."
    if ref.name != point.name:
        return f"the manifest calls itself '{ref.name}', its entry point calls it '{point.name}'."
    names = [task.name for task in ref.tasks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"its manifest lists task '{twice[0]}' twice."
    package = point.target.partition(":")[0].partition(".")[0]
    foreign = [group for group in ref.components if not group.startswith(f"{package}.")]
    if foreign:
        return (
            f"its manifest lists components of '{foreign[0]}', a group that is not its own; "
            "register them with entry points of that group."
        )
    return ""
