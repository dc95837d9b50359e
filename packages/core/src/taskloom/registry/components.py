"""Component groups: the members that a domain's manifest lists, and those that plugins register."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from taskloom.errors import PluginError, TaskloomError, UnknownNameError
from taskloom.registry import discovery
from taskloom.registry.discovery import DOMAINS, domain_named
from taskloom.registry.entries import Broken, DomainEntry
from taskloom.registry.installed import entry_points, summary_of
from taskloom.registry.isolate import describe, load_target
from taskloom.registry.refs import ComponentRef
from taskloom.registry.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

    from taskloom.config import Component


def component_refs(group: str) -> list[ComponentRef]:
    """Return the members of a group, not imported: the manifest's in their order, then those of plugins by name.

    A name that two distributions register is left out; `broken_components` says so.
    """
    return [ref for ref, _ in _members(group).values() if ref is not None]


def broken_components(group: str) -> list[Broken]:
    """Return the members of a group that cannot be used, because two distributions claim one name."""
    return [
        Broken(f"{group}.{name}", " and ".join(owners), _both(group, name, owners))
        for name, (ref, owners) in _members(group).items()
        if ref is None
    ]


def load_components(group: str) -> dict[str, type[Component]]:
    """Import every member of a group; those that do not load are left out, `tasks doctor` names them."""
    loaded: dict[str, type[Component]] = {}
    for ref in component_refs(group):
        try:
            loaded[ref.name] = load_component(group, ref.name)
        except PluginError:
            continue  # one broken detector must not take the others away
    return loaded


@cache
def load_component(group: str, name: str) -> type[Component]:
    """Import one member of a group.

    Raises:
        UnknownNameError: The group has no member of that name.
        PluginError: It cannot be imported, or it is not a component of that `kind`.
    """
    members = _members(group)
    if name not in members:
        names = ", ".join([*members, *short_forms(group)]) or "none"
        raise UnknownNameError(
            f"There is no '{name}' in the group '{group}'; allowed: {names}.",
            hint=did_you_mean(name, members),
        )
    ref, owners = members[name]
    if ref is None:
        raise PluginError(_both(group, name, owners))
    what = f"component '{name}' of '{group}' (from {owners[0]})"
    found = load_target(ref.target, what=what)
    if not _is_component(found):
        raise PluginError(
            f"{what} cannot be used: '{ref.target}' is not a subclass of taskloom.Component."
        )
    kind = found.model_fields.get("kind")
    if kind is None or kind.default != name:
        raise PluginError(
            f'{what} cannot be used: its class needs the field kind: Literal["{name}"] = "{name}".'
        )
    return found


def spelled_out(group: str, name: str) -> Mapping[str, object] | None:
    """Return the `kind` and the values that a short name stands for; None if the domain of the group has no such name.

    Raises:
        PluginError: The domain's function cannot be imported, raises, or returns neither a component's values nor None.
        TaskloomError: The domain refuses the name.
    """
    for owner in _owners(group):
        ref = owner.ref.short_names.get(group)
        if ref is None:
            continue
        what = f"short names of '{group}' (from {owner.distribution})"
        spell: Any = load_target(ref.target, what=what)
        try:
            found: Any = spell(name)
        except TaskloomError:
            raise
        except Exception as error:
            raise PluginError(f"{what} cannot be used: {describe(error)} for '{name}'.") from error
        if found is None or (isinstance(found, Mapping) and isinstance(found.get("kind"), str)):
            return found
        raise PluginError(
            f"{what} cannot be used: '{ref.target}' returns {_kind_of(found)} for '{name}', not a component's values with its kind, or None."
        )
    return None


def _kind_of(found: object) -> str:
    return "a mapping without a kind" if isinstance(found, Mapping) else f"a {type(found).__name__}"


def short_forms(group: str) -> tuple[str, ...]:
    """Return how the short names of a group look: `sklearn:CLASS`; its domain's manifest says so, and nothing else is imported."""
    refs = [owner.ref.short_names[group] for owner in _owners(group) if group in owner.ref.short_names]  # fmt: skip
    return tuple(form for ref in refs for form in ref.forms)


def _owners(group: str) -> Iterator[DomainEntry]:
    """Yield the domain in whose package a group is: its manifest lists groups of that package only, so no other plugin is imported."""
    package = group.partition(".")[0]
    for point in entry_points(DOMAINS):
        if point.target.startswith((f"{package}.", f"{package}:")):
            owner = domain_named(point.name)
            if isinstance(owner, DomainEntry):
                yield owner


@cache
def _members(group: str) -> dict[str, tuple[ComponentRef | None, tuple[str, ...]]]:
    """Return each member's reference (None when two claim the name) and the distributions that bring it."""
    members: dict[str, tuple[ComponentRef | None, tuple[str, ...]]] = {}
    for owner in _owners(group):
        for ref in owner.ref.components.get(group, ()):
            members[ref.name] = (ref, (owner.distribution,))
    for point in entry_points(group):
        if point.name in members:
            members[point.name] = (None, (*members[point.name][1], point.distribution))
        else:
            ref = ComponentRef(point.name, summary_of(point.folder), point.target)
            members[point.name] = (ref, (point.distribution,))
    return members


def refresh() -> None:
    """Forget what was discovered, after a plugin was installed into a running process.

    Configs whose schema was built before keep the components they knew. Has no effect after `freeze()`.
    """
    discovery.forget()
    _members.cache_clear()
    load_component.cache_clear()


def _both(group: str, name: str, owners: tuple[str, ...]) -> str:
    names = " and ".join(f"'{owner}'" for owner in owners)
    return f"component '{name}' of '{group}' is registered by both {names}; uninstall one."


def _is_component(found: object) -> TypeGuard[type[Component]]:
    # By name, because the registry may not import the config module, which imports pydantic (and us).
    bases = found.__mro__ if isinstance(found, type) else ()
    return any(
        (base.__module__, base.__name__) == ("taskloom.config", "Component") for base in bases
    )
