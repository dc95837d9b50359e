"""List of runs of `same_bits.py`: the three kinds of entry in its list, and the list of every domain.

An entry's words may hold `{files}`, the folder of made input files, `{dir}`, the folder that a command may write into, and
`{run:NAME/LABEL}`, the folder of a run of an earlier entry of the same domain.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Parameters: TypeAlias = Mapping[str, object]
DOMAINS = ("hci", "control", "anomaly", "diffusion")


@dataclass(frozen=True)
class Sweep:
    """Runs of one task, in one process: `tasks sweep --executor=inline`.

    Attributes:
        name: Name of the entry.
        task: The task.
        points: Parameters by the label of a run.
        shared: Parameters of all of them.
    """

    name: str
    task: str
    points: Mapping[str, Parameters]
    shared: Parameters = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """A run that is interrupted once it has logged, and resumed.

    Attributes:
        name: Name of the entry.
        task: The task.
        parameters: Its parameters.
        lines: Lines of metrics after which it is interrupted.
    """

    name: str
    task: str
    parameters: Parameters
    lines: int = 1


@dataclass(frozen=True)
class Command:
    """A command of which the output, and the files in `{dir}`, are kept.

    Attributes:
        name: Name of the entry.
        words: What follows `tasks`.
        typed: What is typed into it.
        stored: Whether it is told of the store.
    """

    name: str
    words: tuple[str, ...]
    typed: str = ""
    stored: bool = False


Entry: TypeAlias = Sweep | Stopped | Command


def kinds(parameter: str, *names: str, **settings: object) -> dict[str, Parameters]:
    """Return a point for each name of a component, with the same settings of the component."""
    return {name: component(parameter, name, **settings) for name in names}


def component(parameter: str, kind: str, **settings: object) -> dict[str, object]:
    """Return the parameters that choose a component and set it."""
    chosen: dict[str, object] = {f"{parameter}.kind": kind}
    return chosen | {f"{parameter}.{name}": value for name, value in settings.items()}


def entries_of(domain: str) -> tuple[Entry, ...]:
    """Return the list of a domain."""
    found: tuple[Entry, ...] = importlib.import_module(f"cases_{domain}").ENTRIES
    return found
