"""The components that a help, a completion or a listing offers for a task: those that can play it, as its manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from taskloom.params.tree import Parameter, walk
from taskloom.registry.entries import LoadedTask


def offered(loaded: LoadedTask, parameter: Parameter) -> Parameter:
    """Return a parameter whose choices are the components that fit the task.

    A manifest names the tasks of its own domain: for a plugin's task, and for a plugin's component, nothing is known, and all
    are offered.
    """
    left = left_out(loaded, parameter)
    kept = tuple(name for name in parameter.choices if name not in left)
    return replace(parameter, choices=kept) if left else parameter


def left_out(loaded: LoadedTask, parameter: Parameter) -> dict[str, tuple[str, ...]]:
    """Return the components of a parameter that cannot play the task, each with the tasks that it plays."""
    task = loaded.entry.ref.name
    if not parameter.is_component or task not in {ref.name for ref in loaded.domain.tasks}:
        return {}
    return {
        ref.name: ref.plays
        for refs in loaded.domain.components.values()
        # A place takes one group: the one all of whose members it offers.
        if {ref.name for ref in refs} <= set(parameter.choices)
        for ref in refs
        if ref.plays and task not in ref.plays
    }


def fitting_hint(loaded: LoadedTask, chosen: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Return the components that fit in the place of one that is asked for and does not; empty where all do."""
    for parameter in walk(loaded.config_class, dict(chosen)):
        if values.get(parameter.path) in left_out(loaded, parameter):
            fitting = ", ".join(offered(loaded, parameter).choices)
            return f"--{parameter.path} takes {fitting} here."
    return ""
