"""judo's configs: a plain class on which `@dataclass` works, and the run's config that is made from its fields."""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, cast, get_origin, get_type_hints

import numpy as np
from pydantic import Field as Bounds, create_model
from taskloom import Component
from taskloom.registry.suggest import did_you_mean

from taskloom_control.config import ControlConfig
from taskloom_control.errors import ControlError

_MARK = "judo"


class _ConfigKind(type):
    """Kind of judo's configs: an undecorated subclass is the config of a run itself, as it was in earlier versions."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 -- an instance of either form
        if cls is TaskConfig or is_decorated(cls):
            return super().__call__(*args, **kwargs)
        return run_config(cls)(**kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return super().__instancecheck__(instance) or getattr(type(instance), _MARK, None) is cls

    def __getattr__(cls, name: str) -> Any:  # noqa: ANN401 -- whatever pydantic calls by that name
        if name.startswith("model_") and not is_decorated(cls) and cls is not TaskConfig:
            return getattr(run_config(cls), name)
        raise AttributeError(name)


class TaskConfig(metaclass=_ConfigKind):
    """Base of judo's configs; decorate a subclass with `@dataclass`.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Mine(TaskConfig):
        ...     weight: float = 1.0
        >>> Mine().weight
        1.0
    """


def is_decorated(cls: type) -> bool:
    """Return whether a class is a dataclass itself, and not only derived from one."""
    return "__dataclass_fields__" in vars(cls)


@cache
def run_config(cls: type, key: str = "") -> type[ControlConfig]:
    """Return the config of a run that has the fields of one of judo's at its top level.

    Args:
        cls: The config: a dataclass, or an undecorated subclass of `TaskConfig`.
        key: Name under which defaults were overridden; empty: none are.

    Raises:
        ControlError: A field is one of `ControlConfig` too, or its type has no form in a config.
    """
    if issubclass(cls, ControlConfig):
        return cls
    if not is_dataclass(cls):
        warnings.warn(
            f"{cls.__name__} is not decorated with @dataclass; derive it from ControlConfig, or decorate it.",
            DeprecationWarning,
            stacklevel=3,
        )
    # judo knows no keyframes: its reset begins at zero.
    told = ControlConfig.model_fields["keyframe"].description
    made: dict[str, Any] = {"keyframe": (Annotated[str, Bounds(description=told)], "none")}
    overridden, sentences = overrides_of(cls, key), _sentences(cls)
    for name, hint, default in _fields(cls):
        if name in ControlConfig.model_fields:
            raise ControlError(
                f"The field '{name}' of {cls.__name__} is one of every control run's config too; give it another name."
            )
        value = overridden.get(name, default)
        kind = _plain_type(hint, value, f"{cls.__name__}.{name}")
        told = sentences.get(name, f"The field `{name}` of {cls.__name__}.")
        made[name] = (Annotated[kind, Bounds(description=told)], plain_value(value))
    model = cast("type[ControlConfig]", create_model(cls.__name__, __base__=ControlConfig, **made))
    model.__doc__, model.__module__ = cls.__doc__ or f"Config of {cls.__name__}.", cls.__module__
    setattr(model, _MARK, cls)
    return model


def judo_config(cls: type, config: ControlConfig) -> Any:  # noqa: ANN401 -- an instance of the user's own class
    """Return an instance of judo's class with the values of a run's config; a copy, since judo's are mutable."""
    if not is_dataclass(cls):
        return config
    values = {f.name: _judo_value(getattr(config, f.name), f) for f in fields(cls) if f.init}
    return cls(**values)


def _judo_value(value: object, field: Field[Any]) -> object:
    default = field.default if field.default is not MISSING else None
    if field.default_factory is not MISSING:
        default = field.default_factory()
    if isinstance(default, np.ndarray):
        return np.array(value, dtype=default.dtype)
    if is_dataclass(default) and isinstance(value, ControlPart):
        return judo_config(type(default), cast("ControlConfig", value))
    return value


class ControlPart:
    """Mark of nested parts that were made from dataclasses."""


def _sentences(cls: type) -> dict[str, str]:
    """Return the texts below the fields of a class in its source, by field; none where there is no source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for row, text in pairwise(body):
        if not (isinstance(row, ast.AnnAssign) and isinstance(row.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[row.target.id] = inspect.cleandoc(str(text.value.value))
    return found


def _fields(cls: type) -> Iterator[tuple[str, object, object]]:
    """Return name, type and default of each field."""
    hints = get_type_hints(cls)
    if is_dataclass(cls):
        for f in fields(cls):
            factory = f.default_factory
            default = f.default if factory is MISSING else factory()
            yield f.name, hints.get(f.name, type(default)), ... if default is MISSING else default
        return
    for name, hint in hints.items():
        yield name, hint, getattr(cls, name, ...)


def plain_value(value: object) -> object:
    """Return a default as a config holds it: arrays are tuples of floats."""
    if isinstance(value, np.ndarray):
        return tuple(float(v) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        return nested(type(value))(
            **{f.name: plain_value(getattr(value, f.name)) for f in fields(value)}
        )
    return value


def _plain_type(hint: object, default: object, where: str) -> Any:  # noqa: ANN401 -- a type for pydantic
    if isinstance(default, np.ndarray):
        if default.ndim != 1:
            raise ControlError(
                f"{where} is an array of {default.ndim} axes; a config holds arrays of one."
            )
        size = default.size
        return Annotated[tuple[float, ...], Bounds(min_length=size, max_length=size)]
    if is_dataclass(hint) and isinstance(hint, type):
        return nested(hint)
    plain = isinstance(hint, type) and issubclass(hint, int | float | bool | str | enum.Enum)
    if plain or get_origin(hint) is not None or hint is Literal:
        return hint
    raise ControlError(
        f"{where} is of the type {getattr(hint, '__name__', hint)}; a config holds int, float, bool, str, Literal, Enum, "
        "dataclasses and arrays of one axis."
    )


@cache
def nested(cls: type) -> Any:  # noqa: ANN401 -- a config made at run time
    """Return the part of a config that is made from a nested dataclass."""
    made: dict[str, Any] = {
        name: (_plain_type(hint, default, f"{cls.__name__}.{name}"), plain_value(default))
        for name, hint, default in _fields(cls)
    }
    bases = type(f"{cls.__name__}Part", (Component, ControlPart), {})
    return create_model(cls.__name__, __base__=bases, **made)


_OVERRIDES: dict[tuple[str, type], dict[str, Any]] = {}


def set_config_overrides(key: str, cls: type, values: Mapping[str, object]) -> None:
    """Override defaults of a config for the task of that name.

    Args:
        key: The task's name.
        cls: The config whose defaults they are.
        values: Defaults by field.

    Raises:
        ControlError: The config has no such field.
    """
    known = (
        [name for name, _, _ in _fields(cls)] if is_dataclass(cls) else list(_pydantic_fields(cls))
    )
    for name in values:
        if name not in known:
            hint = did_you_mean(name, known) or f"it has: {', '.join(known)}."
            raise ControlError(
                f"{cls.__name__} has no field '{name}' to override for '{key}'; {hint}"
            )
    _OVERRIDES.setdefault((key, cls), {}).update(values)
    run_config.cache_clear()


def _pydantic_fields(cls: type) -> Mapping[str, object]:
    found: Mapping[str, object] = getattr(cls, "model_fields", {})
    return found


def overrides_of(cls: type, key: str) -> Mapping[str, Any]:
    """Return the defaults that were overridden for a task."""
    return _OVERRIDES.get((key, cls), {})


class OverridableConfig:
    """Base of configs whose defaults depend on the task; its subclasses are dataclasses."""

    def set_override(self, key: str, reset_to_defaults: bool = True) -> None:
        """Take over what was set for a task, and the defaults of all other fields if asked to."""
        values = overrides_of(type(self), key)
        for f in fields(cast("Any", self)):
            if f.name in values:
                setattr(self, f.name, values[f.name])
            elif reset_to_defaults and f.default is not MISSING:
                setattr(self, f.name, f.default)
            elif reset_to_defaults and f.default_factory is not MISSING:
                setattr(self, f.name, f.default_factory())


def slider(
    name: str, min: float, max: float, step: float | None = None, bounded: bool = False
) -> Callable[[type], type]:
    """Give a field of a dataclass the range of its slider; the class stays the same one.

    Raises:
        ControlError: The class is no dataclass, or has no such field.
    """

    def decorate(cls: type) -> type:
        known = [f.name for f in fields(cls)] if is_dataclass(cls) else []
        if name not in known:
            hint = (
                did_you_mean(name, known)
                or f"it has: {', '.join(known) or 'none, for it is no dataclass'}."
            )
            raise ControlError(f"{cls.__name__} has no field '{name}' for a slider; {hint}")
        width = step if step is not None else (1 if isinstance(min, int) else 0.01)
        sliders = {**vars(cls).get("sliders", {}), name: (min, max, width, bounded)}
        cls.sliders = sliders  # type: ignore[attr-defined]  # read by pages that show controls
        return cls

    return decorate
