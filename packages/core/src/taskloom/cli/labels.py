"""Types of ordinary options for help; like `taskloom.params.labels`, but without pydantic, which a listing need not import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

_NAMES: dict[Any, str] = {bool: "", int: "INT", float: "FLOAT", str: "TEXT"}


def type_labels(function: Callable[..., Any]) -> dict[str, str]:
    """Return the label of each parameter's type; parameters whose annotations cannot be evaluated have none."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):  # names under TYPE_CHECKING
        return {}
    return {name: _label(hint) for name, hint in hints.items()}


def _label(hint: Any) -> str:  # noqa: ANN401 -- any type
    if hint in _NAMES:
        return _NAMES[hint]
    arguments = [item for item in get_args(hint) if item is not NoneType]
    if get_origin(hint) is Literal:
        return "|".join(str(item) for item in arguments)
    if get_origin(hint) is Annotated or (arguments and len(arguments) == 1):
        return _label(arguments[0])  # `X | None` and `list[X]` are written like X
    return "PATH" if isinstance(hint, type) and issubclass(hint, PurePath) else ""
