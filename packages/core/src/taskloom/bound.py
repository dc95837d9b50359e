"""A task with one config: ready to run, to check, to describe.

    bound = bind(loaded, config)        # the factory is called, and what it made is held to the domain's protocol
    bound.check(); bound.run(ctx)

A task that has `run(ctx)` runs itself. Any other is a problem that the *driver* of its domain pairs with the components in the
config: a module with the four functions of `Driver`. Listings do not import this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from taskloom.errors import PluginError
from taskloom.registry.isolate import load_target
from taskloom.task import Checkable, Describable, Finding, JsonValue, Result, Resumable

if TYPE_CHECKING:
    from taskloom.config import Config
    from taskloom.context import RunContext
    from taskloom.registry.entries import Given, LoadedTask

T = TypeVar("T")
C = TypeVar("C", bound="Config")


class Driver(Protocol):
    """The loop of a domain, as a module: it pairs any task of the domain with the components in a config."""

    def run(self, task: BoundTask[Any, Any], ctx: RunContext, checkpoint: Path | None, /) -> Result:
        """Run the task from the beginning, or from a checkpoint to the end that an uninterrupted run reaches."""
        ...

    def check(self, task: BoundTask[Any, Any], /) -> Iterable[Finding]:
        """Look at shapes, files and spaces without training anything."""
        ...

    def describe(self, task: BoundTask[Any, Any], /) -> Mapping[str, JsonValue]:
        """Return facts for `tasks info`."""
        ...

    def can_resume(self, task: BoundTask[Any, Any], /) -> bool:
        """Return whether a run of the task can continue from a checkpoint."""
        ...


@dataclass(frozen=True, slots=True)
class BoundTask(Generic[T, C]):
    """A task with one config.

    Attributes:
        task: The product of the factory: a problem of its domain, or something with its own `run(ctx)`.
        config: The config that fully determines the run.
        factory: Makes the task from the config.
        driver: Pairs the task with the components in the config; None for a task that runs itself.
        name: The task's name with its domain: `hci/pointing`.
        given: Place of its code, if it is not installed.
    """

    task: T
    config: C
    factory: Callable[[C], T]
    driver: Driver | None = None
    name: str = ""
    given: Given | None = None

    def copy(self) -> T:
        """Return the task anew: control plans with one copy and simulates with another."""
        return self.factory(self.config)

    def can_resume(self) -> bool:
        """Return whether a run can continue from a checkpoint."""
        if self.driver is not None:
            return self.driver.can_resume(self)
        return isinstance(self.task, Resumable)

    def run(self, ctx: RunContext, checkpoint: Path | None = None) -> Result:
        """Run from the beginning, or from a checkpoint if one is given and the task can continue from it."""
        if self.driver is not None:
            return self.driver.run(self, ctx, checkpoint if self.can_resume() else None)
        if checkpoint is not None and isinstance(self.task, Resumable):
            return self.task.resume(ctx, checkpoint)
        # `bind` has made sure that a task without a driver has `run`.
        return cast("Any", self.task).run(ctx)  # type: ignore[no-any-return]  # checked when it ends

    def check(self) -> list[Finding]:
        """Return the findings of the driver, then those of the task itself."""
        found = [] if self.driver is None else list(self.driver.check(self))
        return [*found, *self.task.check()] if isinstance(self.task, Checkable) else found

    def describe(self) -> dict[str, JsonValue]:
        """Return the facts of the driver, and those of the task itself."""
        facts = {} if self.driver is None else dict(self.driver.describe(self))
        return {**facts, **self.task.describe()} if isinstance(self.task, Describable) else facts


def bind(loaded: LoadedTask, config: C) -> BoundTask[Any, C]:
    """Make the task and pair it with its config and its driver.

    Raises:
        PluginError: What the factory made is no task of its domain; the message names what is missing.
        Exception: Whatever the factory raises.
    """
    task = loaded.factory(config)
    name = f"{loaded.entry.domain}/{loaded.entry.ref.name}"
    driver: Driver | None = None
    if not callable(getattr(task, "run", None)):
        require(loaded, task)
        what = f"the driver of the domain '{loaded.entry.domain}'"
        driver = cast("Driver", load_target(loaded.domain.driver, what=what))
    return BoundTask(task, config, loaded.factory, driver, name, loaded.given)


def require(loaded: LoadedTask, task: object) -> None:
    """Refuse a task that neither fits the protocol of its domain nor runs itself.

    Raises:
        PluginError: It lacks something; the message names it.
    """
    entry, domain = loaded.entry, loaded.domain
    label = f"'{entry.domain} {entry.ref.name}'"
    made = type(task).__name__
    if not (domain.protocol and domain.driver):
        raise PluginError(f"{label} is no task: it is a {made}, and it lacks run(ctx).")
    protocol = load_target(domain.protocol, what=f"the protocol of the domain '{entry.domain}'")
    if not isinstance(protocol, type):
        raise PluginError(
            f"The protocol '{domain.protocol}' of the domain '{entry.domain}' is no class."
        )
    if not isinstance(task, protocol):
        lacking = [name for name in members_of(protocol) if not hasattr(task, name)]
        # An abstract class asks for its name among the bases too.
        lacks = ", ".join(lacking) or f"the base class {protocol.__name__}"
        raise PluginError(
            f"{label} is no task of the domain '{entry.domain}': it is a {made}, and it lacks {lacks}."
        )
    if domain.config:
        wanted = load_target(domain.config, what=f"the config of the domain '{entry.domain}'")
        if isinstance(wanted, type) and not issubclass(loaded.config_class, wanted):
            raise PluginError(
                f"{label} asks for a {loaded.config_class.__name__}, which is no {wanted.__name__}: "
                f"the components of the domain '{entry.domain}' have no place in it."
            )


def members_of(protocol: type) -> list[str]:
    """Return the names that a task must have to fit a protocol or an abstract class, in the order of definition."""
    abstract: frozenset[str] = getattr(protocol, "__abstractmethods__", frozenset())
    names = [
        name
        for cls in reversed(protocol.__mro__)
        if cls not in (object, Protocol, Generic)
        for name in vars(cls)
        if not name.startswith("_") and (not abstract or name in abstract)
    ]
    return list(dict.fromkeys(names))
