"""Factories: the objects that may stand behind a task's name, and the config class that each asks for."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from taskloom.errors import PluginError
from taskloom.registry.isolate import describe, load_target

if TYPE_CHECKING:
    from typing import TypeGuard

    from taskloom.config import Config
    from taskloom.registry.refs import DomainRef


def as_factory(
    found: object, what: str, domain: DomainRef | None = None
) -> tuple[Callable[[Any], Any], type[Config]]:
    """Return the factory behind a task's target, and its config class.

    Args:
        found: A config class that is its own task, or a callable: with one parameter annotated with its config, or without a
            required one; then the config is the argument of its generic base, else that of the domain, else, for a class with a
            `run` of its own, the plain `taskloom.Config`.
        what: The words for it in messages.
        domain: The manifest of the task's domain, if it has one.

    Raises:
        PluginError: It is neither, or an abstract class.
    """
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise PluginError(f"{what} cannot be used: it is an abstract class, without {lacking}.")
    if is_config_class(found):
        return _itself, found
    if not callable(found):
        raise PluginError(
            f"{what} cannot be used: it is of type {type(found).__name__}, not a class or function that makes a task."
        )
    parameters = _required_parameters(found, what)
    if not parameters:
        config_class = (
            _own_config(found) or _generic_argument(found) or _config_of_domain(found, domain, what)
        )
        return _without_config(found), config_class
    return found, _annotated_config(found, parameters, what)


def _itself(config: Any) -> Any:  # noqa: ANN401 -- a config class may be of any domain
    """Return a config that is its own task: cupbearer's form, and that of a config with `run`."""
    return config


def _without_config(make: Callable[..., object]) -> Callable[[Any], Any]:
    """Return a factory that drops the config: the driver reads it from the bound task."""

    def factory(config: object) -> object:
        del config
        return make()

    return factory


def _required_parameters(factory: Callable[..., object], what: str) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"{what} cannot be used: its parameters cannot be read ({error})."
        ) from error
    return [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _own_config(factory: object) -> type[Config] | None:
    """Return the config class that a class makes of another form of config, by `run_config()`; None without one."""
    make = getattr(factory, "run_config", None)
    made = make() if isinstance(factory, type) and callable(make) else None
    return made if is_config_class(made) else None


def _generic_argument(factory: object) -> type[Config] | None:
    """Return the config class in `class Mine(Base[MineConfig])`, judo's form; None without one."""
    for cls in getattr(factory, "__mro__", ()):
        for base in getattr(cls, "__orig_bases__", ()):
            for argument in get_args(base):
                if is_config_class(argument):
                    return argument
    return None


def _config_of_domain(found: object, domain: DomainRef | None, what: str) -> type[Config]:
    """Return the config of the domain, or the plain one for a class with a `run` of its own, which may have no parameters."""
    target = domain.config if domain is not None else ""
    if not target and isinstance(found, type) and callable(getattr(found, "run", None)):
        target = "taskloom.config:Config"
    if not target:
        raise PluginError(
            f"{what} cannot be used: it needs exactly one parameter, its config; it requires none."
        )
    config = load_target(target, what=f"the config of {what}")
    if not is_config_class(config):
        raise PluginError(f"{what} cannot be used: '{target}' is no config class.")
    return config


def _annotated_config(
    factory: Callable[..., object], required: list[inspect.Parameter], what: str
) -> type[Config]:
    """Return the class that annotates a factory's one required parameter.

    Raises:
        PluginError: There is not exactly one such parameter, or it is not annotated with a config class.
    """
    if len(required) != 1 or required[0].kind is inspect.Parameter.KEYWORD_ONLY:
        names = ", ".join(parameter.name for parameter in required)
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
        """Carry the one annotation to `get_type_hints`, which looks at nothing else of it."""

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
    """Return the argument of a subclass for a generic base's type variable: `class Mine(Base[MineConfig])`.

    A base may hand its own variable on, `class Middle(Base[D])`, and only the subclass says what that is: each new variable is
    looked for from the subclass downwards again.
    """
    seen: set[TypeVar] = set()
    while variable not in seen:
        seen.add(variable)
        value = _argument_for(variable, factory)
        if not isinstance(value, TypeVar):
            return value if value is not None else variable.__bound__
        variable = value
    return variable.__bound__


def _argument_for(variable: TypeVar, factory: object) -> object:
    for cls in getattr(factory, "__mro__", ()):
        for base in getattr(cls, "__orig_bases__", ()):
            names = getattr(get_origin(base), "__parameters__", ())
            if variable in names:
                return get_args(base)[names.index(variable)]
    return None
