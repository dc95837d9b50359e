"""What may stand behind a task's name, and which config class it wants."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from taskloom.errors import PluginError
from taskloom.registry.isolate import describe

if TYPE_CHECKING:
    from typing import TypeGuard

    from taskloom.config import Config
    from taskloom.task import Task

CAPABILITIES = ("check", "resume", "describe")
"""The optional methods of a task."""


def as_factory(found: object, what: str) -> tuple[Callable[[Any], Task[Any]], type[Config]]:
    """Return the factory behind a task's target, and its config class.

    Args:
        found: A config class that has `run`, or a callable with one parameter annotated with its config.
        what: How messages call it.

    Raises:
        PluginError: It is neither.
    """
    if is_config_class(found):
        if not callable(getattr(found, "run", None)):
            raise PluginError(
                f"{what} cannot be used: {found.__name__} is a config without a 'run(self, ctx)' method."
            )
        return of_config, found
    if not callable(found):
        raise PluginError(
            f"{what} cannot be used: it is of type {type(found).__name__}, not a class or function that makes a task."
        )
    # That it returns a task shows when it is called.
    return cast("Callable[[Any], Task[Any]]", found), config_class_of(found, what)


def of_config(config: Any) -> Task[Any]:  # noqa: ANN401 -- a config class with `run`; no base class names that
    """Return the task that a config is when its own class has `run`."""
    # Instance attributes, because `isinstance(task, Resumable)` looks for what is really there.
    task = SimpleNamespace(config=config, run=config.run)
    for name in CAPABILITIES:
        if callable(getattr(config, name, None)):
            setattr(task, name, getattr(config, name))
    return cast("Task[Any]", task)


def config_class_of(factory: Callable[..., object], what: str) -> type[Config]:
    """Return the class that annotates a factory's one required parameter.

    Raises:
        PluginError: There is not exactly one such parameter, or it is not annotated with a config class.
    """
    try:
        parameters = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"{what} cannot be used: its parameters cannot be read ({error})."
        ) from error
    required = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if len(required) != 1 or required[0].kind is inspect.Parameter.KEYWORD_ONLY:
        names = ", ".join(parameter.name for parameter in required) or "none"
        raise PluginError(
            f"{what} cannot be used: it needs exactly one parameter, its config; it requires {names}."
        )
    parameter = required[0]
    if parameter.annotation is parameter.empty:
        raise PluginError(
            f"{what} cannot be used: annotate its parameter '{parameter.name}' with the config class."
        )
    hint = _evaluated(parameter.annotation, factory, what)
    if isinstance(hint, TypeVar):
        hint = _bound_by_subclass(hint, factory)
    if not is_config_class(hint):
        shown = getattr(hint, "__name__", str(hint))
        raise PluginError(
            f"{what} cannot be used: its parameter '{parameter.name}' is annotated with {shown}, "
            "which is not a subclass of taskloom.Config."
        )
    return hint


def is_config_class(found: object) -> TypeGuard[type[Config]]:
    """Return whether `found` is `taskloom.Config` or a subclass.

    By name, because the registry may not import the config module: that one imports pydantic, and the registry.
    """
    bases = found.__mro__ if isinstance(found, type) else ()
    return any((base.__module__, base.__name__) == ("taskloom.config", "Config") for base in bases)


def _evaluated(annotation: object, factory: Callable[..., object], what: str) -> object:
    """Evaluate one annotation where it was written; the others may name things imported for type checkers only."""
    function = _constructor(factory) if isinstance(factory, type) else inspect.unwrap(factory)
    scope = dict(getattr(function, "__globals__", None) or vars(sys.modules[factory.__module__]))

    def holder() -> None:
        """Carries the one annotation to `get_type_hints`, which looks at nothing else of it."""

    holder.__annotations__ = {"config": annotation}
    try:
        return get_type_hints(holder, globalns=scope)["config"]
    except Exception as error:
        raise PluginError(
            f"{what} cannot be used: the annotation '{annotation}' of its parameter cannot be evaluated "
            f"({describe(error)}); import the config class at module level, outside 'if TYPE_CHECKING'."
        ) from error


def _constructor(cls: type) -> object:
    """Return the `__init__` that a class uses, as its author wrote it."""
    return inspect.unwrap(cls.__init__)  # type: ignore[misc]  # a class object's own constructor, not an instance's


def _bound_by_subclass(variable: TypeVar, factory: object) -> object:
    """Return what a subclass put for a generic base's type variable: `class Mine(Base[MineConfig])`."""
    for cls in getattr(factory, "__mro__", ()):
        for base in getattr(cls, "__orig_bases__", ()):
            names = getattr(get_origin(base), "__parameters__", ())
            if variable in names:
                value = get_args(base)[names.index(variable)]
                if not isinstance(value, TypeVar):
                    return value
                variable = value
    return variable.__bound__
