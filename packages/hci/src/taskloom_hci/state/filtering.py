"""Parts of a state, as values, spaces or elements."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from taskloom_hci.errors import UnknownKeyError
from taskloom_hci.state.state import State, flatten

FilterMode: TypeAlias = Literal["array", "space", "element", "gym"]
Selection: TypeAlias = "Mapping[str, Any] | Iterable[str]"


def filtered(
    state: State,
    mode: FilterMode = "array",
    *,
    flat: bool = False,
    keep: Selection | None = None,
    remove: Selection | None = None,
) -> dict[str, Any]:
    """Return some of the entries of a state.

    Args:
        state: The state; what is returned never changes with it.
        mode: What to return of each entry: `array` its value, `gym` its value with at least one axis, `space` its gymnasium
            space, `element` an element that holds its value.
        flat: Return one dict, with the names of sub-states joined by `__`.
        keep: Names to keep, or a nested mapping of them: `{"task_state": ("position",), "user_action": None}`, where None
            keeps a whole sub-state; by default everything.
        remove: Names to leave out, in the same form.

    Raises:
        UnknownKeyError: If there is no such mode, or a name is not in the state.
    """
    if mode not in get_args(FilterMode):
        raise UnknownKeyError(
            f"A state is filtered as {', '.join(get_args(FilterMode))}, not as {mode!r}."
        )
    found = _select(state, mode, _tree(keep, state), _tree(remove, state))
    return flatten(found) if flat else found


def _tree(selection: Selection | None, state: State) -> dict[str, Any] | None:
    """Return a selection as a dict from names to what is selected below them, None for all of it."""
    if selection is None:
        return None
    tree = (
        dict(selection)
        if isinstance(selection, Mapping)
        else dict.fromkeys([selection] if isinstance(selection, str) else selection)
    )
    for name in tree:
        if name not in state:
            raise UnknownKeyError(
                f"The state has no entry '{name}' to filter (it has {', '.join(state) or 'nothing'})."
            )
    return tree


def _select(
    state: State,
    mode: FilterMode,
    keep: dict[str, Any] | None,
    remove: dict[str, Any] | None,
) -> dict[str, Any]:
    values = state.snapshot()
    found: dict[str, Any] = {}
    for name in state:
        gone = remove is not None and name in remove
        below = remove[name] if remove is not None and gone else None
        if (keep is not None and name not in keep) or (gone and below is None):
            continue
        inner = state[name]
        if isinstance(inner, State):
            kept = keep[name] if keep is not None else None
            found[name] = _select(inner, mode, _tree(kept, inner), _tree(below, inner))
        else:
            found[name] = _entry(state, name, values[name], mode)
    return found


def _entry(state: State, name: str, value: Any, mode: FilterMode) -> Any:
    element = state.element(name)
    if mode == "space":
        return element.space
    if mode == "element":
        return replace(element, init=value)
    return np.atleast_1d(value) if mode == "gym" else value
