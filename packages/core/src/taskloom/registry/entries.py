"""Results of discovery: names together with the distribution that brought them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
class Given:
    """Place of a task that was given as code and is not installed.

    Attributes:
        kind: `file`; `cell` for a class of a notebook; `none` for one whose source cannot be had.
        name: Name of the class or function.
        path: The file, absolute; empty without one.
        base: The folder whose modules count: that of the file or of its outermost package, or that of the session.
        source: Source of a cell, with everything of the session that it uses.
        reason: Why no later command may take a run of it for its answer; empty if one may.
    """

    kind: Literal["file", "cell", "none"]
    name: str
    path: str = ""
    base: str = ""
    source: str = ""
    reason: str = ""

    @property
    def spelled(self) -> str:
        """The word by which `tasks run` knows it; empty where none can."""
        return f"{self.path}:{self.name}" if self.path else ""

    def record(self) -> dict[str, str]:
        """Return what `run.json` says of it."""
        told = {"kind": self.kind, "name": self.name, "path": self.path, "reason": self.reason}
        return {name: text for name, text in told.items() if text}


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """An imported task.

    Attributes:
        entry: Where it came from.
        factory: Makes the task from a config.
        config_class: The class of its configs.
        domain: The manifest of its domain, which names protocol and driver; the default is a domain that has neither.
        given: Place of its code, if it is not installed.
    """

    entry: TaskEntry
    factory: Callable[[Any], Any]
    config_class: type[Config]
    domain: DomainRef = _NO_DOMAIN
    given: Given | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words by which `tasks run` knows it."""
        if self.given is not None and self.given.spelled:
            return (self.given.spelled,)
        return (self.entry.domain, self.entry.ref.name)
