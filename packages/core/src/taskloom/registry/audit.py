"""A close look at every plugin: everything that is registered is imported. For `tasks doctor`, never for a listing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from taskloom.errors import TaskloomError
from taskloom.registry.components import broken_components, component_refs, load_component
from taskloom.registry.discovery import broken_plugins, installed_domains, tasks_of
from taskloom.registry.entries import Broken
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import load_task


def audit_plugins() -> list[Broken]:
    """Import every task, component, verb and report function, and return what does not load, with the reason."""
    broken = broken_plugins()
    for domain in installed_domains():
        name = domain.ref.name
        for task in tasks_of(name):
            broken += _tried(f"{name}.{task.ref.name}", task.distribution, partial(load_task, task))
        for group in domain.ref.components:
            broken += broken_components(group)
            for ref in component_refs(group):
                load = partial(load_component, group, ref.name)
                broken += _tried(f"{group}.{ref.name}", domain.distribution, load)
        manifest = domain.ref
        named = (
            manifest.report,
            manifest.protocol,
            manifest.config,
            manifest.driver,
            *manifest.loaders.values(),
        )
        for target in [*(verb.target for verb in manifest.verbs), *filter(None, named)]:
            broken += _tried(f"{name}: {target}", domain.distribution, partial(load_target, target))
    return broken


def _tried(name: str, distribution: str, load: Callable[[], object]) -> list[Broken]:
    try:
        load()
    except TaskloomError as error:
        return [Broken(name, distribution, error.message)]
    return []
