"""The contract of tasks that run themselves: one required method, and optional capabilities of one method each.

A task is the problem, components are the solver, and running pairs them. A task without `run` is run by the driver of its
domain, see `taskloom.bound`. A factory is any callable with one parameter annotated with its config; a class and a ten-line
function both work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

if TYPE_CHECKING:
    # Type-only: `task` must stay importable without pydantic, which costs more than the rest of the start-up.
    from taskloom.config import Config
    from taskloom.context import RunContext
    from taskloom.headline import Headline
    from taskloom.units import UnitValues

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

C_co = TypeVar("C_co", bound="Config", covariant=True)
D = TypeVar("D", bound="Config")


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a run: plain data, never pickled.

    Attributes:
        metrics: Final numbers by name. `/` groups names: `auroc/dense_0`.
        artifacts: Files the run left, by name; paths inside `ctx.dir`.
        summary: One line that a person reads first.
        headline: The one result that is shown large, with its interval, its baseline and a verdict; or None.
        units: Values of the headline unit by unit, by which runs are compared in pairs; or None.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    summary: str = ""
    headline: Headline | None = None
    units: UnitValues | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Attributes:
        level: `error` stops the run, `warning` does not, `info` is only told.
        message: One sentence: what, where, what is allowed.
    """

    level: Literal["info", "warning", "error"]
    message: str


@runtime_checkable
class Task(Protocol[C_co]):
    """A task that runs itself. The parameter names its config for readers: `Task[WalkConfig]`."""

    def run(self, ctx: RunContext, /) -> Result:
        """Run from the beginning and return the result."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """A task that can say cheaply whether it would run."""

    def check(self) -> Iterable[Finding]:
        """Look at shapes, files and spaces without training anything."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """A task that can continue from a checkpoint it published."""

    def resume(self, ctx: RunContext, checkpoint: Path, /) -> Result:
        """Continue from the checkpoint folder to the same end that an uninterrupted run reaches."""
        ...


@runtime_checkable
class Describable(Protocol):
    """A task that can describe itself: sizes, spaces, licences."""

    def describe(self) -> Mapping[str, JsonValue]:
        """Return facts for `tasks info`."""
        ...


TaskFactory: TypeAlias = "Callable[[D], Task[D]]"
