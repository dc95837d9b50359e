"""Both generations of judo's tasks, told by the number of parameters, behind the one form that a driver calls."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from taskloom_control.config import ControlConfig
from taskloom_control.errors import ControlError

# Numbers of positional parameters besides self: with the config (the seed), and without it (0.1.0).
FORMS: Mapping[str, tuple[int, int]] = {
    "reward": (5, 4),
    "post_rollout": (5, 4),
    "pre_rollout": (2, 1),
}


def wrap_forms(cls: type) -> None:
    """Give the methods that a class of judo's defines the form that a driver calls; either generation's own call still works.

    Raises:
        ControlError: A method has another number of parameters.
    """
    for name, (with_config, without) in FORMS.items():
        method = vars(cls).get(name)
        if callable(method):
            setattr(cls, name, _either_form(cls, name, method, with_config, without))
    if callable(vars(cls).get("reset")):
        cls.reset = _seeded(cls.reset)  # type: ignore[attr-defined]  # it is there, as was just asked
    if callable(vars(cls).get("post_sim_step")):
        cls.post_sim_step = _seeded(cls.post_sim_step)  # type: ignore[attr-defined]  # likewise
    success = vars(cls).get("success")
    if callable(success):
        count = _positional(success)
        if count not in (0, 2, 3):
            raise ControlError(
                f"success() of {cls.__name__} has {count} parameters; judo's has 3, ours none."
            )
        if count:
            cls.success = _asked(success)  # type: ignore[attr-defined]  # likewise


def _positional(method: Callable[..., object]) -> int:
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = inspect.signature(method).parameters.values()
    return sum(p.kind in kinds for p in parameters) - 1


def _either_form(
    cls: type, name: str, method: Callable[..., Any], with_config: int, without: int
) -> Callable[..., Any]:
    count = _positional(method)
    if count not in (with_config, without):
        raise ControlError(
            f"{name}() of {cls.__name__} has {count} parameters; judo's has {without} (0.1.0) or {with_config} (with config)."
        )
    arrays = without - (name != "pre_rollout")

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 -- as the user's method
        given = [*args[:arrays]]
        rest = list(args[arrays:])
        config, metadata = kwargs.pop("config", None), kwargs.pop("system_metadata", None)
        if rest and not isinstance(rest[0], Mapping) and rest[0] is not None:
            config = rest.pop(0)
        elif len(rest) > 1:
            rest.pop(0)
        if rest:
            metadata = rest[0]
        if config is not None:
            self.take_config(config)
        told = [] if name == "pre_rollout" else [metadata]
        if count == with_config:
            return method(self, *given, self.config, *told, **kwargs)
        return method(self, *given, *told, **kwargs)

    return call


def _seeded(method: Callable[..., None]) -> Callable[..., None]:
    """Return a method that draws from NumPy's global generator, which is seeded by the run for the length of the call."""

    @wraps(method)
    def call(self: Any, rng: np.random.Generator | None = None) -> None:  # noqa: ANN401 -- a task of the user's
        if rng is not None:
            self.random_key = int(rng.integers(1 << 32))
        with seeded_globals((self.random_key, round(float(self.data.time) * 1e9)), self.data.time):
            method(self)

    return call


@contextmanager
def seeded_globals(key: tuple[int, int], now: float) -> Iterator[None]:
    """Seed NumPy's global generator and stop the wall clock, for as long as the block lasts.

    Two loops in one process would disturb each other otherwise, and no run would repeat.
    """
    state, clock = np.random.get_state(), time.time
    np.random.seed(np.random.SeedSequence(key).generate_state(1))
    time.time = lambda: now
    try:
        yield
    finally:
        time.time = clock
        np.random.set_state(state)


def _asked(method: Callable[..., bool]) -> Callable[..., bool]:
    """Return a `success` that is given model, data and metadata of its own copy where it is called without."""

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 -- as the user's method
        if args or kwargs:
            return bool(method(self, *args, **kwargs))
        given = (self.data.model, self.data, self.get_sim_metadata())
        return bool(method(self, *given[: _positional(method)]))

    return call


def is_run_config(config: object) -> bool:
    """Return whether a config is that of a run and no instance of judo's own class."""
    return isinstance(config, ControlConfig)
