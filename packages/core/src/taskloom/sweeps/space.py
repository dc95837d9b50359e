"""The space of a search: which parameters a trial chooses, and the config that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from taskloom.config import Config
from taskloom.params.choices import Applicable
from taskloom.params.layers import Resolved, resolve
from taskloom.registry.entries import LoadedTask
from taskloom.sweeps.expand import Axis, Choices, Point

if TYPE_CHECKING:
    import optuna

_MOST_CHECKED = 100


class Space:
    """Space of a search: a parameter is asked for only where the components chosen so far have it.

    Args:
        loaded: The task.
        axes: What may vary.
        fixed: What is the same everywhere.
    """

    def __init__(self, loaded: LoadedTask, axes: Mapping[str, Axis], fixed: Point) -> None:
        self._config_class, self._axes, self._fixed = loaded.config_class, axes, fixed
        values = {path: [text] for path, text in fixed.items()}
        values |= {path: list(_ends(axis)) for path, axis in axes.items()}
        self._applicable: Applicable = Applicable(loaded.config_class, values)
        # Components first: they decide which of the other parameters there are.
        self._order = self._applicable.outermost_first(axes)

    def check(self) -> None:
        """Refuse values that no point may have, before anything is run.

        Raises:
            ConfigError: A value in a list, or the end of a range, is not accepted.
        """
        for chosen in self._applicable.alternatives:
            first = {path: chosen.get(path, _ends(axis)[0]) for path, axis in self._axes.items()}
            for path, axis in self._axes.items():
                values = [first[path]] if path in chosen else _ends(axis)
                # A long list is a range written out: its ends tell whether it is allowed.
                for text in values if len(values) <= _MOST_CHECKED else (values[0], values[-1]):
                    point = self._applicable.to({**self._fixed, **first, path: text})
                    self.resolve(point)

    def first(self) -> Config:
        """Return the config of a point: the first value of everything that varies."""
        point = {path: _ends(axis)[0] for path, axis in self._axes.items()}
        return self.resolve(self._applicable.to({**self._fixed, **point})).config

    def choose(self, trial: optuna.Trial) -> Point:
        """Return the point of a trial."""
        point = dict(self._fixed)
        for path in self._order:
            axis = self._axes[path]
            if path in self._applicable.to({**point, path: _ends(axis)[0]}):
                point[path] = _suggest(trial, path, axis)
        return self._applicable.to(point)

    def resolve(self, point: Mapping[str, str]) -> Resolved:
        """Return the config of a point.

        Raises:
            ConfigError: Its values are not accepted beside each other.
        """
        return resolve(self._config_class, arguments=point)


def _ends(axis: Axis) -> tuple[str, ...]:
    if isinstance(axis, Choices):
        return axis.values
    low, high = (axis.low, axis.high)
    return (str(int(low)), str(int(high))) if axis.is_integer else (repr(low), repr(high))


def _suggest(trial: optuna.Trial, path: str, axis: Axis) -> str:
    if isinstance(axis, Choices):
        return str(trial.suggest_categorical(path, axis.values))
    if axis.is_integer:
        return str(trial.suggest_int(path, int(axis.low), int(axis.high), log=axis.is_log))
    return repr(float(trial.suggest_float(path, axis.low, axis.high, log=axis.is_log)))
