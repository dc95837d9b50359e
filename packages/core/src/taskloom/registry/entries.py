"""Results of discovery: names together with the distribution that brought them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskloom.plain import one_line
from taskloom.registry.installed import LONGEST
from taskloom.registry.refs import DomainRef, TaskRef

if TYPE_CHECKING:
    from typing import Any

    from taskloom.config import Config

_LONGEST_ERROR = 400
_NO_DOMAIN = DomainRef(name="", summary="", extra="", tasks=())


@dataclass(frozen=True, slots=True)
class Broken:
    """A plugin that cannot be used.

    Attributes:
        name: The domain (`lab`), task (`lab.walk`) or component (`lab.walkers.random`) it would have provided.
        distribution: The distribution that brought it.
        error: What went wrong, in one sentence.
    """

    name: str
    distribution: str
    error: str

    def __post_init__(self) -> None:
        """Keep what a plugin called itself, and what it raised, from commanding a terminal."""
        object.__setattr__(self, "name", one_line(self.name, LONGEST))
        object.__setattr__(self, "error", one_line(self.error, _LONGEST_ERROR))


@dataclass(frozen=True, slots=True)
class DomainEntry:
    """An installed domain: its manifest and the distribution that brought it."""

    ref: DomainRef
    distribution: str


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """An installed task, not imported: its domain's name, its reference, and the distribution that brought it."""

    domain: str
    ref: TaskRef
    distribution: str


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """An imported task.

    Attributes:
        entry: Where it came from.
        factory: Makes the task from a config.
        config_class: The class of its configs.
        domain: The manifest of its domain, which names protocol and driver; the default is a domain that has neither.
    """

    entry: TaskEntry
    factory: Callable[[Any], Any]
    config_class: type[Config]
    domain: DomainRef = _NO_DOMAIN
