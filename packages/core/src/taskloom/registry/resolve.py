"""Names to tasks: exact first, then a sentence that says which name was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from taskloom.errors import MissingExtraError, PluginError, UnknownNameError
from taskloom.own import FIRST_PARTY
from taskloom.registry.discovery import (
    absent_modules,
    domain_named,
    domain_names,
    install_line,
    task_table,
    tasks_of,
)
from taskloom.registry.entries import Broken, DomainEntry, LoadedTask, TaskEntry
from taskloom.registry.factory import as_factory
from taskloom.registry.isolate import load_target
from taskloom.registry.refs import DomainRef, TaskRef
from taskloom.registry.suggest import closest

_MOST_NAMES = 12  # in a sentence
_HOMELESS = {"file": "Tasks of files.", "cell": "Tasks of notebooks."}
"""Domains of what runs itself and is not installed."""


def find_domain(name: str) -> DomainEntry:
    """Return the installed domain called `name`.

    Raises:
        MissingExtraError: It is one of taskloom's own, and not installed.
        PluginError: It is installed, and broken.
        UnknownNameError: There is no such domain.
    """
    entry = domain_named(name)
    if isinstance(entry, DomainEntry):
        return entry
    if isinstance(entry, Broken):
        raise PluginError(
            f"Domain '{name}' (from {entry.distribution}) cannot be used: {entry.error}"
        )
    if name in _HOMELESS:
        return DomainEntry(DomainRef(name, _HOMELESS[name], "", ()), "")
    if name in FIRST_PARTY:
        raise MissingExtraError(install_line(name))
    installed = domain_names()
    match = closest(name, [*installed, *(known for known in FIRST_PARTY if known not in installed)])
    hint = ""
    if match is not None:
        hint = (
            f"did you mean '{match}'?"
            if match in installed
            else f"did you mean '{match}'? {install_line(match)}"
        )
    elif not installed:
        hint = "install one: pip install 'taskloom[" + "]', 'taskloom[".join(FIRST_PARTY) + "]'"
    raise UnknownNameError(
        f"There is no domain '{name}'; installed: {', '.join(installed) or 'none'}.", hint=hint
    )


def find_task(domain: str, name: str) -> TaskEntry:
    """Return the task called `name` of a domain.

    Raises:
        MissingExtraError: The domain is one of taskloom's own, and not installed.
        PluginError: The domain or the task is installed, and broken.
        UnknownNameError: There is no such domain or no such task in it.
    """
    home = find_domain(domain)
    table = task_table(domain)
    entry = table.get(name)
    if isinstance(entry, TaskEntry):
        return entry
    if isinstance(entry, Broken):
        raise PluginError(
            f"Task '{domain} {name}' (from {entry.distribution}) cannot be used: {entry.error}"
        )
    for ref in home.ref.tasks:
        if ref.name == name and (gone := absent_modules(ref)):
            remedy = f": pip install {ref.install}" if ref.install else "."
            raise MissingExtraError(
                f"Task '{domain} {name}' needs '{gone[0]}', which is not installed{remedy}"
            )
    raise UnknownNameError(
        f"Domain '{domain}' has no task '{name}'; it has: {_some(table)}.",
        hint=_near(domain, name),
    )


def _some(names: Iterable[str]) -> str:
    """Return names in one sentence, of many only the first and how many more there are."""
    known = list(names)
    shown = ", ".join(known[:_MOST_NAMES]) or "none"
    rest = len(known) - _MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown


def load_task(entry: TaskEntry) -> LoadedTask:
    """Import a task and find out which config it takes.

    A plugin's entry point may lead to a `TaskRef` in place of the factory; its summary and version then count.

    Raises:
        PluginError: The task cannot be imported, or what its name leads to makes no task; the message is one sentence.
    """
    what = f"Task '{entry.domain} {entry.ref.name}' (from {entry.distribution})"
    found = load_target(entry.ref.target, what=what)
    if isinstance(found, TaskRef):
        ref = replace(found, name=entry.ref.name, summary=found.summary or entry.ref.summary)
        entry = replace(entry, ref=ref)
        found = load_target(ref.target, what=what)
    domain = find_domain(entry.domain).ref
    factory, config_class = as_factory(found, what, domain)
    from taskloom.identity.types import require_identity  # no listing loads a task, or needs this

    require_identity(config_class, what)
    return LoadedTask(entry, factory, config_class, domain)


def metrics_of(loaded: LoadedTask) -> tuple[str, ...]:
    """Return the names of the metrics that runs of a task have, `*` in some; empty where they are not known beforehand.

    They are those of the domain's driver. A plugin's task for another's domain may report more, so its are not known.
    """
    home = domain_named(loaded.entry.domain)
    comes_along = isinstance(home, DomainEntry) and home.distribution == loaded.entry.distribution
    return loaded.domain.metrics if comes_along else ()


def _near(domain: str, name: str) -> str:
    """Return a hint: the same name elsewhere first, then a near name here, then a near name elsewhere."""
    elsewhere = {
        f"{other} {task.ref.name}": task.ref.name
        for other in domain_names()
        if other != domain
        for task in tasks_of(other)
    }
    same = [place for place, task in elsewhere.items() if task == name]
    here = closest(name, [task.ref.name for task in tasks_of(domain)])
    if same and here is None:
        return f"did you mean '{same[0]}'?"
    if here is not None:
        return f"did you mean '{here}'?"
    match = closest(name, elsewhere.values())
    places = [place for place, task in elsewhere.items() if task == match]
    return f"did you mean '{places[0]}'?" if places else f"tasks list {domain}"
