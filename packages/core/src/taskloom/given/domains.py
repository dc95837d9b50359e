"""Domain of a task that is given as a class: no entry point says it.

It is that of its config, else that of its first base, else the one whose protocol it fits. A class that runs itself needs none.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskloom.bound import members_of
from taskloom.errors import PluginError, UsageError
from taskloom.registry.discovery import DOMAINS, installed_domains
from taskloom.registry.factory import as_factory
from taskloom.registry.installed import entry_points
from taskloom.registry.isolate import load_target
from taskloom.registry.refs import DomainRef
from taskloom.registry.resolve import find_domain


def domain_of(found: object, what: str, asked: str, home: str) -> str:
    """Return the domain of a class or a function that makes a task.

    Args:
        found: The class or function.
        what: The words for it in messages.
        asked: The domain that the caller names; or empty.
        home: The domain of what runs itself: `file` or `cell`.

    Raises:
        UnknownNameError: There is no domain of the name that the caller gives.
        UsageError: It fits the protocols of several domains.
        PluginError: It fits none, and does not run itself.
    """
    if asked:
        return find_domain(asked).ref.name
    try:
        classes: list[object] = [as_factory(found, what)[1], found]
    except PluginError:  # its config may be that of the domain
        classes = [found]
    homes = _homes()
    for cls in classes:
        for base in getattr(cls, "__mro__", ()):
            package = base.__module__.partition(".")[0]
            if package in homes:
                return homes[package]
    if callable(getattr(found, "run", None)) or not isinstance(found, type):
        return home
    return _fitting(found, what)


def _homes() -> dict[str, str]:
    """Return the domain of each package that a manifest, its protocol, its config or its driver lies in."""
    manifests = {point.name: point.target for point in entry_points(DOMAINS)}
    found: dict[str, str] = {}
    for entry in installed_domains():
        ref = entry.ref
        for target in (manifests.get(ref.name, ""), ref.protocol, ref.config, ref.driver):
            package = target.partition(":")[0].partition(".")[0]
            if package not in ("", "taskloom"):
                found.setdefault(package, ref.name)
    return found


def _fitting(found: type, what: str) -> str:
    lacking = {ref.name: lacks for ref, lacks in _judged(found)}
    fits = [name for name, lacks in lacking.items() if not lacks]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise UsageError(
            f"{what} fits the protocols of several domains: {', '.join(fits)}.",
            hint="say which: --domain=NAME, or RunOptions(task_domain=NAME) in Python",
        )
    needed = [f"for {name} {', '.join(lacks)}" for name, lacks in lacking.items()]
    raise PluginError(f"{what} is no task: it lacks {'; '.join(['run(ctx)', *needed])}.")


def _judged(found: type) -> Iterator[tuple[DomainRef, list[str]]]:
    """Yield each domain that has a protocol, with what the class lacks for it."""
    for entry in installed_domains():
        if entry.ref.protocol and entry.ref.driver:
            try:
                protocol = load_target(entry.ref.protocol)
            except PluginError:
                continue  # a domain that is broken takes no task
            names = members_of(protocol) if isinstance(protocol, type) else []
            lacks = [name for name in names if not hasattr(found, name)]
            if not lacks and getattr(protocol, "__abstractmethods__", None):
                is_one = isinstance(protocol, type) and issubclass(found, protocol)
                lacks = [] if is_one else [f"the base class {getattr(protocol, '__name__', '')}"]
            yield entry.ref, lacks
