"""Walk over the fields of a config that name something outside of it, and a copy of the config with absolute paths."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, TypeVar

from pydantic import BaseModel

from taskloom.config import ExecutionOnly
from taskloom.identity.canonical import below, ordered
from taskloom.identity.marks import Role, roles_in

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of a config that names something.

    Attributes:
        field: Its dotted path.
        value: The value.
        role: The kind of thing that its annotation says; None for a plain path.
        counts: Whether its field belongs to the identity.
    """

    field: str
    value: PurePath | str
    role: Role | None
    counts: bool = True


Change = Callable[[Leaf], object]


def leaves(config: BaseModel) -> Iterator[Leaf]:
    """Yield every path, command and reference to a run in a config, in order."""
    found: list[Leaf] = []

    def see(leaf: Leaf) -> object:
        found.append(leaf)
        return leaf.value

    _model(config, see, "", True)
    yield from found


def absolute(config: M, cwd: Path, runs: Mapping[str, str]) -> M:
    """Return the config with every path made absolute against a folder; the same object if nothing changes.

    Args:
        config: The config as it was written.
        cwd: The folder in which it was written.
        runs: The run folder of each reference to a run, by field.
    """

    def change(leaf: Leaf) -> object:
        if leaf.role == "run":
            return runs.get(leaf.field, leaf.value)
        if leaf.role == "command":
            return _absolute_words(str(leaf.value), cwd)
        return leaf.value if is_nothing(leaf) else type(leaf.value)(os.path.join(cwd, leaf.value))

    return _model(config, change, "", True)


def words_of(command: str) -> list[str]:
    """Return the words of a command; none for a text that no shell could read."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def named_file(word: str, number: int, cwd: Path) -> Path | None:
    """Return the regular file that a word of a command names; a program without a folder is looked for in PATH, not here."""
    if not word or (number == 0 and os.sep not in word):
        return None
    path = Path(os.path.join(cwd, word))
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):  # too long, or with a zero byte: no name of a file
        return None


def is_nothing(leaf: Leaf) -> bool:
    """Return whether a path is the empty one, which names nothing."""
    return str(leaf.value) in ("", ".")


def _absolute_words(command: str, cwd: Path) -> str:
    words = words_of(command)
    found = [named_file(word, number, cwd) for number, word in enumerate(words)]
    if not any(found):
        return command
    return shlex.join(str(path or word) for path, word in zip(found, words, strict=True))


def _model(model: M, change: Change, at: str, counts: bool) -> M:
    updates: dict[str, Any] = {}
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        roles = roles_in(tuple(info.metadata), info.annotation)
        is_execution = any(
            mark is ExecutionOnly or isinstance(mark, ExecutionOnly) for mark in info.metadata
        )
        new = _value(value, change, below(at, name), roles, counts and not is_execution)
        if new is not value:
            updates[name] = new
    return model.model_copy(update=updates) if updates else model


def _value(  # noqa: PLR0911 -- one return a kind
    value: Any,  # noqa: ANN401 -- any value of a config
    change: Change,
    at: str,
    roles: Set[Role],
    counts: bool,
) -> Any:  # noqa: ANN401 -- the value of any field
    if isinstance(value, BaseModel):
        return _model(value, change, at, counts)
    if isinstance(value, PurePath):
        role: Role | None = next((role for role in ("output", "input") if role in roles), None)
        return _changed(value, change, Leaf(at, value, role, counts))
    if isinstance(value, str):
        role = next((role for role in ("command", "run") if role in roles), None)
        return _changed(value, change, Leaf(at, value, role, counts)) if role else value
    if isinstance(value, Mapping):
        table = {
            key: _value(item, change, below(at, key), roles, counts) for key, item in value.items()
        }
        return value if all(table[key] is value[key] for key in table) else table
    if isinstance(value, list | tuple | Set):
        items = ordered(value) if isinstance(value, Set) else list(value)
        parts = [_value(item, change, below(at, n), roles, counts) for n, item in enumerate(items)]
        if all(new is old for new, old in zip(parts, items, strict=True)):
            return value
        # Of the value's own class: a list, tuple, set or named tuple.
        make: Any = getattr(value, "_make", type(value))
        return make(parts)
    return value


def _changed(value: Any, change: Change, leaf: Leaf) -> Any:  # noqa: ANN401 -- a path or a text
    new = change(leaf)
    return value if new == value else new
