"""The components that a help, a completion or a listing offers for a task: those that can play it, as its manifest says."""

from __future__ import annotations

from dataclasses import replace

from taskloom.params.tree import Parameter
from taskloom.registry.entries import LoadedTask


def offered(loaded: LoadedTask, parameter: Parameter) -> Parameter:
    """Return a parameter whose choices are the components that fit the task.

    A manifest names the tasks of its own domain: for a plugin's task, and for a plugin's component, nothing is known, and all
    are offered.
    """
    task = loaded.entry.ref.name
    if not parameter.is_component or task not in {ref.name for ref in loaded.domain.tasks}:
        return parameter
    fitting = {
        ref.name: not ref.plays or task in ref.plays
        for refs in loaded.domain.components.values()
        # A place takes one group: the one all of whose members it offers.
        if {ref.name for ref in refs} <= set(parameter.choices)
        for ref in refs
    }
    kept = tuple(name for name in parameter.choices if fitting.get(name, True))
    return replace(parameter, choices=kept)
