"""The layers of a config as data: the values of one source, and the result of merging several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskloom.params.grammar import split_path

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one source.

    Attributes:
        source: Its name for messages and records: `file a.toml`, `environment TASKS__SEED`, `command line`.
        values: What it sets, nested by name.
        typed: Whether values have types already, as in a file; else they are text.
    """

    source: str
    values: Mapping[str, object]
    typed: bool = False


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
        UnreadableValueError: The path has a quotation mark that is not closed.
    """
    names = split_path(path)
    if path.endswith("!") and len(names) > 1:
        names[-1], value = names[-1].removesuffix("!"), REMOVED
    for name in reversed(names):
        value = Parts({name: value})
    return value if isinstance(value, dict) else {}
