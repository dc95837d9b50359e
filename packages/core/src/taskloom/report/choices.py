"""Choices of a run: its components, and every value that is not the default of its task."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from taskloom.config import Config
from taskloom.params.layer import DEFAULT
from taskloom.params.layers import validate_record
from taskloom.params.shapes import OpenVariants
from taskloom.params.tree import NO_COMPONENT, Parameter, leaf_texts, walk
from taskloom.params.values import write
from taskloom.registry.components import component_refs
from taskloom.registry.resolve import find_task, load_task
from taskloom.runs.run import Run

_KIND = ".kind"
_GIVEN = ("file", "cell", "none")
"""Kinds of code that is not installed, as `run.json` names them: a page about a run does not execute it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One parameter of a run with its value.

    Attributes:
        parameter: The parameter; its default is that of the component that was chosen.
        text: The value as it is typed behind `--path=`.
    """

    parameter: Parameter
    text: str

    @property
    def is_default(self) -> bool:
        """True if the value is the default, whichever layer set it."""
        return self.text == self.parameter.default

    @property
    def summary(self) -> str:
        """One line about the chosen component; empty where nothing is known."""
        variants = self.parameter.shape.variants
        if not isinstance(variants, OpenVariants):
            return ""
        return next((r.summary for r in component_refs(variants.group) if r.name == self.text), "")


def choices_of(run: Run) -> list[Choice] | None:
    """Return the parameters of a run in the order of the task; None if its task is not there any more, or has changed.

    Args:
        run: The run. What a task in a file or in a notebook has for parameters is read from the record alone.
    """
    if run.record.code.get("kind") in _GIVEN:
        return list(_recorded(run))
    try:
        config_class = load_task(find_task(run.domain, run.task)).config_class
        return choices_in(validate_record(config_class, run.config, f"the record of {run.id}"))
    # A plugin's module may raise anything; the page is then about the record alone.
    except Exception:
        return None


def choices_in(config: Config) -> list[Choice]:
    """Return the parameters of a config, in the order of declaration."""
    texts = leaf_texts(config)
    chosen = {p.removesuffix(_KIND): text for p, text in texts.items() if p.endswith(_KIND)}
    absent = {path: text for path, text in texts.items() if text == NO_COMPONENT}
    return [
        Choice(parameter, chosen.get(parameter.path, texts.get(parameter.path, "")))
        for parameter in walk(type(config), {**absent, **chosen})
    ]


def _recorded(run: Run) -> Iterator[Choice]:
    """Yield the recorded values; one that no layer set is the default, and of another the default is not known."""
    for path, value in _leaves(run.config, ""):
        text, place = write(value), path.removesuffix(_KIND)
        default = text if run.record.sources.get(path, DEFAULT) == DEFAULT else None
        kind = "" if place == path else "component"
        yield Choice(Parameter(place, kind, default, is_component=bool(kind)), text)


def _leaves(values: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def command(run: Run, choices: Iterable[Choice]) -> str:
    """Return the shortest command line that gives the same config, from the task's defaults.

    Args:
        run: The run.
        choices: What was chosen for it.

    Returns:
        The command; for a class of a notebook, which no command line reaches, the call.
    """
    others = list(differing(choices))
    code = run.record.code
    if code.get("kind") in _GIVEN and not code.get("path"):
        values = ", ".join(f"'{choice.parameter.path}': {choice.text!r}" for choice in others)
        return f"taskloom.run({code.get('name', run.task)}, {{{values}}})"
    options = [shlex.quote(f"--{choice.parameter.path}={choice.text}") for choice in others]
    if code.get("kind") in _GIVEN:
        domain = [] if run.domain in _GIVEN else [f"--domain={run.domain}"]
        words = [shlex.quote(f"{code['path']}:{code.get('name', '')}"), *domain]
    else:
        words = [run.domain, run.task]
    return " ".join(["tasks", "run", *words, *options])


def differing(choices: Iterable[Choice]) -> Iterator[Choice]:
    """Yield the choices that make another run than the task's defaults; how a run is executed does not."""
    for choice in choices:
        if not choice.is_default and not choice.parameter.execution_only:
            yield choice
