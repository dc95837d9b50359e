"""The command that uses a component: of the first task of its domain that has a parameter for its kind."""

from __future__ import annotations

from taskloom.errors import TaskloomError
from taskloom.params.shapes import OpenVariants, fields_of, shape_of
from taskloom.registry.discovery import tasks_of
from taskloom.registry.resolve import load_task


def command_with(domain: str, group: str, name: str) -> str:
    """Return the command that runs a task with a component, or the listing of the domain where no task has such.

    Args:
        domain: The domain.
        group: The entry-point group of the component's kind.
        name: The component's name.
    """
    for entry in tasks_of(domain):
        try:
            fields = fields_of(load_task(entry).config_class)
        except TaskloomError:  # a task that does not load has no parameters to show
            continue
        for field, info in fields.items():
            variants = shape_of(info).variants
            if isinstance(variants, OpenVariants) and variants.group == group:
                return f"tasks run {domain} {entry.ref.name} --{field}={name}"
    return f"tasks list {domain}"
