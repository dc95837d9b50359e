"""Where metrics go besides the run folder. The folder is the record; a sink is a courtesy, and its failure is a warning."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from taskloom.errors import MissingExtraError, UnknownNameError
from taskloom.registry import did_you_mean
from taskloom.runs.record import RunRecord
from taskloom.runs.run import Run

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """A destination of metrics."""

    def log(self, step: int, metrics: Mapping[str, float], /) -> None:
        """Take one line of metrics."""
        ...

    def close(self, run: Run, /) -> None:
        """Take the final metrics and let go. `run` is as its record tells it."""
        ...


def _tensorboard(folder: Path, record: RunRecord) -> Sink:
    from taskloom.sinks.tensorboard import TensorBoardSink

    return TensorBoardSink(folder, record)


def _mlflow(folder: Path, record: RunRecord) -> Sink:
    from taskloom.sinks.mlflow import MlflowSink

    return MlflowSink(folder, record)


def _wandb(folder: Path, record: RunRecord) -> Sink:
    from taskloom.sinks.wandb import WandbSink

    return WandbSink(folder, record)


_OPENERS: dict[str, Callable[[Path, RunRecord], Sink]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
}
SINKS = tuple(_OPENERS)


def check_sinks(names: Sequence[str]) -> None:
    """Refuse names that are no sinks, and sinks whose library is not installed.

    Raises:
        UnknownNameError: There is no such sink.
        MissingExtraError: Its library is not installed.
    """
    from importlib.util import find_spec

    for name in names:
        if name not in _OPENERS:
            raise UnknownNameError(
                f"There is no sink '{name}'; there are {', '.join(SINKS)}.",
                hint=did_you_mean(name, SINKS),
            )
        if find_spec(name) is None:
            raise MissingExtraError(
                f"The sink '{name}' needs a library that is not installed.",
                hint=f"pip install 'taskloom-core[{name}]'",
            )


class SinkGroup:
    """The sinks of one run. One that raises is dropped with a warning, and the run goes on.

    Args:
        names: Which sinks.
        folder: The run's folder.
        record: The run's record.
    """

    def __init__(self, names: Sequence[str], folder: Path, record: RunRecord) -> None:
        self._sinks: dict[str, Sink] = {}
        for name in dict.fromkeys(names):
            try:
                self._sinks[name] = _OPENERS[name](folder, record)
            except Exception as error:  # whatever the library raises
                _warn(name, error)

    def __bool__(self) -> bool:
        return bool(self._sinks)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Pass one line of metrics on."""
        for name, sink in list(self._sinks.items()):
            try:
                sink.log(step, metrics)
            except Exception as error:
                del self._sinks[name]
                _warn(name, error)

    def close(self, run: Run) -> None:
        """Close every sink."""
        for name, sink in self._sinks.items():
            try:
                sink.close(run)
            except Exception as error:
                _warn(name, error)
        self._sinks.clear()


def _warn(name: str, error: Exception) -> None:
    _log.warning("the sink %s was dropped: %s: %s", name, type(error).__name__, error)
