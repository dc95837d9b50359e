"""The layers of a config as data: the values of one source, and the result of merging several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Merged:
    """The layers merged.

    Attributes:
        raw: What pydantic validates: only what differs from the defaults.
        sources: The source of every leaf by path.
        chosen: The component at every place by path.
        given: What was written at every leaf that a layer set, by path.
        notes: What was discarded, one sentence each.
    """

    raw: dict[str, object] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    given: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def nest(path: str, value: object) -> dict[str, object]:
    """Return `{"a": {"b": value}}` for the path `a.b`."""
    head, _, rest = path.partition(".")
    return {head: nest(rest, value) if rest else value}
