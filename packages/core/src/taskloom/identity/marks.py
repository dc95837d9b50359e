"""Types of config fields that name files, commands and runs.

    class FitConfig(Config):
        data: InputPath = Path("data.csv")
        table: OutputPath | None = None
        solver: Command = ""
        start: RunRef = ""

An input counts by its content, wherever it lies. A plain `Path` is an input if it names something that exists when the command
begins; an output never is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator

Role: TypeAlias = Literal["input", "output", "command", "run"]


@dataclass(frozen=True, slots=True)
class Names:
    """Marks a field that names something outside of the config.

    Attributes:
        role: The kind of thing that it names.
    """

    role: Role


def _join_words(value: object) -> object:
    """Return a list of words as the one text that a shell would read."""
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return shlex.join(value)
    return value


InputPath: TypeAlias = Annotated[Path, Names("input")]
"""A file or folder that is read: its content counts."""
OutputPath: TypeAlias = Annotated[Path, Names("output")]
"""A file or folder that is written: its content never counts."""
Command: TypeAlias = Annotated[str, BeforeValidator(_join_words), Names("command")]
"""A child program with its arguments, read as a shell reads it, or given as a list; files among its words are inputs."""
RunRef: TypeAlias = Annotated[str, Names("run")]
"""A run whose results are read: an id, `@last`, or a path to a run folder; empty for none."""


def roles_in(metadata: tuple[Any, ...], annotation: object) -> frozenset[Role]:
    """Return the roles that a field's annotation gives to the values in it, at any depth."""
    return frozenset(mark.role for mark in (*metadata, *_inside(annotation)) if _is_mark(mark))


def _inside(annotation: object) -> Iterator[Any]:
    """Yield the metadata of every `Annotated` below an annotation."""
    alias = getattr(annotation, "__value__", None)  # a `type` alias
    if alias is not None:
        yield from _inside(alias)
        return
    yield from getattr(annotation, "__metadata__", ())
    for argument in get_args(annotation):
        if not isinstance(argument, Names):
            yield from _inside(argument)


def _is_mark(item: object) -> bool:
    return isinstance(item, Names)
