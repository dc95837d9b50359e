"""Types of fields that have a canonical form, checked when a task is loaded: a run of any other could never be found again.

Importable without pydantic, because the registry uses it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from taskloom.errors import PluginError

_LEAVES = (str, int, float, bytes, Enum, PurePath, timedelta, date, datetime, time)
_CONTAINERS = (Mapping, Set, Sequence)
_SECRETS = ("SecretStr", "SecretBytes")


def require_identity(config: type, what: str) -> None:
    """Refuse a config with a field whose type has no canonical form.

    Args:
        config: The config's class.
        what: The words for the task in messages.

    Raises:
        PluginError: There is such a field; the message names it.
    """
    for field, kind in types_without_identity(config):
        raise PluginError(
            f"{what} cannot be used: field {field} of type {kind} has no identity; give it a `canonical()`."
        )


def types_without_identity(config: type) -> Iterator[tuple[str, str]]:
    """Yield name and type of each field of a model, and of the models in it, that has no canonical form."""
    seen: set[type] = set()
    waiting: list[tuple[str, type]] = [("", config)]
    while waiting:
        prefix, model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, info in getattr(model, "model_fields", {}).items():
            for kind in _kinds(info.annotation):
                if _is_model(kind):
                    waiting.append((f"{prefix}{name}.", kind))
                elif not _has_form(kind):
                    yield prefix + name, getattr(kind, "__qualname__", None) or str(kind)


def _kinds(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 -- any annotation
    """Yield the types that values of an annotation may have, at any depth."""
    if hasattr(annotation, "__value__"):  # a `type` alias
        yield from _kinds(annotation.__value__)
    elif hasattr(annotation, "__supertype__"):  # a `NewType`
        yield from _kinds(annotation.__supertype__)
    elif isinstance(annotation, TypeVar):
        yield from _kinds(annotation.__bound__) if annotation.__bound__ else ()
    elif hasattr(annotation, "__metadata__"):
        yield from _kinds(annotation.__origin__)
    elif get_origin(annotation) is Literal:
        yield from {type(value) for value in get_args(annotation)}
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _kinds(member)
    elif get_args(annotation):
        yield get_origin(annotation)
        for argument in get_args(annotation):
            yield from () if argument is Ellipsis else _kinds(argument)
    else:
        yield annotation


def _has_form(kind: Any) -> bool:  # noqa: ANN401 -- whatever stands in an annotation
    if kind in (None, types.NoneType, Any) or isinstance(kind, str | ForwardRef):
        return True  # seen at run time at the latest
    if not isinstance(kind, type):
        return False
    if issubclass(kind, (*_LEAVES, *_CONTAINERS)) or own_form(kind) is not None:
        return True
    return any(
        base.__module__.startswith("pydantic") and base.__name__ in _SECRETS
        for base in kind.__mro__
    )


def own_form(kind: type) -> Callable[[Any], object] | None:
    """Return the method with which a type gives its own form; None without one."""
    found = getattr(kind, "canonical", None)
    # Python's own decimal numbers have a method of this name that returns the number itself.
    is_python = kind.__module__.partition(".")[0] in sys.stdlib_module_names
    return found if callable(found) and not is_python else None


def _is_model(kind: object) -> bool:
    """Return whether it is a pydantic model; by its fields, because pydantic is not imported here."""
    return isinstance(kind, type) and hasattr(kind, "model_fields")
