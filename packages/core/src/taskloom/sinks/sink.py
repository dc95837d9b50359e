"""Destinations of metrics besides the run folder. The folder is the record; the failure of a sink is a warning."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypeAlias, cast

from taskloom.errors import MissingExtraError, UnknownNameError
from taskloom.registry.installed import named_targets
from taskloom.registry.isolate import load_target
from taskloom.registry.suggest import did_you_mean
from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """A destination of metrics. It is made, fed and closed on one thread of its own (see `taskloom.sinks.feed`)."""

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Take one line of metrics."""
        ...

    def close(self, run: Run, /) -> None:
        """Take the final metrics and let go. `run` is as its record tells it."""
        ...


GROUP = "taskloom.sinks"
"""The entry-point group of sinks. Each entry leads to a function without parameters that returns the maker of its sinks."""
Maker: TypeAlias = Callable[[Path, RunRecord], Sink]
"""Maker of the sink of one run, from the run's folder and record."""


def check_sinks(names: Sequence[str]) -> None:
    """Refuse names that are no sinks, and sinks whose library is not installed.

    Raises:
        UnknownNameError: There is no such sink.
        MissingExtraError: Its library is not installed.
        PluginError: It is installed, and broken.
    """
    for name in names:
        maker_of(name)


def maker_of(name: str) -> Maker:
    """Return the maker of a sink by the sink's name.

    Raises:
        UnknownNameError: There is no such sink.
        MissingExtraError: Its library is not installed.
        PluginError: It is installed, and broken.
    """
    targets = named_targets(GROUP)
    if name not in targets:
        raise UnknownNameError(
            f"There is no sink '{name}'; there are {', '.join(targets)}.",
            hint=did_you_mean(name, targets),
        )
    opener = cast("Callable[[], Maker]", load_target(targets[name], what=f"Sink '{name}'"))
    return opener()


def require_library(name: str) -> None:
    """Refuse a sink whose library, of the sink's own name, is not installed; the library is not imported.

    Raises:
        MissingExtraError: It is not installed.
    """
    if find_spec(name) is None:
        raise MissingExtraError(
            f"The sink '{name}' needs a library that is not installed.",
            hint=f"pip install 'taskloom-core[{name}]'",
        )


def warn_dropped(name: str, error: BaseException) -> None:
    """Log that a sink takes no more lines, and why."""
    _log.warning("the sink %s was dropped: %s: %s", name, type(error).__name__, error)
