"""The layers of a config as data: the values of one source, and the result of merging several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from taskloom.errors import UnknownNameError
from taskloom.params.grammar import UnreadableValueError, split_path

DEFAULT = "default"
COMMAND_LINE = "command line"
PYTHON = "Python"


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one source.

    Attributes:
        source: Its name for messages and records: `file a.toml`, `environment TASKS__SEED`, `command line`.
        values: What it sets, nested by name.
        typed: Whether values have types already, as in a file; else they are text.
        literal: Whether a string is a text wherever a text can be, as from Python; in a file it may be a date or `none`.
    """

    source: str
    values: Mapping[str, object]
    typed: bool = False
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one parameter.

    Attributes:
        path: The parameter.
        sentence: The rest of the sentence: `must be <= 1`.
        value: What was given; None with `missing`.
        missing: Whether nothing was given at all.
    """

    path: str
    sentence: str
    value: object = None
    missing: bool = False


@dataclass(slots=True)
class Merged:
    """The layers merged.

    Attributes:
        raw: What pydantic validates: only what differs from the defaults.
        sources: The source of every leaf by path.
        chosen: The component at every place by path.
        given: What was written at every leaf that a layer set, by path.
        notes: What was discarded, one sentence each.
        faults: Values that cannot be of their parameter's type; a config with one is refused.
    """

    raw: dict[str, object] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    given: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class Parts(dict[str, object]):
    """Values that dotted names set below one name, as against a whole table: `--table.a=3` leaves the other keys alone."""


REMOVED = object()
"""Value that takes a key or an item out: `--table.a!`."""


def nest(path: str, value: object) -> dict[str, object]:
    """Return `{"a": {"b": value}}` for the path `a.b`; a last name with `!` behind it is taken out.

    Raises:
        UnknownNameError: The path has a quotation mark that is not closed.
    """
    names = names_of(path)
    if path.endswith("!") and len(names) > 1:
        return nest_names([*names[:-1], names[-1].removesuffix("!")], REMOVED)
    return nest_names(names, value)


def nest_names(names: Sequence[str], value: object) -> dict[str, object]:
    """Return a value below some names, the outermost first."""
    head, *rest = names
    return Parts({head: nest_names(rest, value) if rest else value})


def names_of(path: str) -> list[str]:
    """Return the names of a dotted path.

    Raises:
        UnknownNameError: The path has a quotation mark that is not closed.
    """
    try:
        return split_path(path)
    except UnreadableValueError as error:
        raise UnknownNameError(f"no parameter {path!a}: {error}") from None
