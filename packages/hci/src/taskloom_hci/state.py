"""A state: named elements and sub-states, with plain values inside."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

import numpy as np
from gymnasium.spaces import Box, Dict as DictSpace, Discrete, Space

from taskloom_hci.elements import Element, Value
from taskloom_hci.errors import ElementAssignmentWarning, ShapeError, UnknownKeyError
from taskloom_hci.random import Stream
from taskloom_hci.spaces import bounds, numeric

StateTree: TypeAlias = dict[str, Any]
"""A snapshot: nested dicts of NumPy scalars and read-only arrays."""


class State(MutableMapping[str, Any]):
    """Named elements. Assigning an `Element` declares it, assigning a value goes through the element's mode.

        state["x"] = discrete_array_element(low=-1, high=4, init=0, out_of_bounds_mode="clip")
        state["x"] += 9     # 4
        state["x"]          # a NumPy scalar; arrays come out read-only

    To give a name another element, delete it first.
    """

    __slots__ = ("_elements", "_states", "_values")

    def __init__(
        self, entries: Mapping[str, Element | State] | None = None, **more: Element | State
    ) -> None:
        self._elements: dict[str, Element] = {}
        self._states: dict[str, State] = {}
        self._values: dict[str, Any] = {}
        for key, entry in {**(entries or {}), **more}.items():
            self[key] = entry

    def __getitem__(self, key: str) -> Value:
        try:
            return self._values[key]
        except KeyError:
            raise UnknownKeyError(_unknown(key, self._values)) from None

    def __setitem__(self, key: str, value: object) -> None:
        element = self._elements.get(key)
        if isinstance(value, Element):
            self._declare(key, value)
        elif element is not None:
            self._values[key] = element.admit(value)  # type: ignore[arg-type] # admit refuses what is no array
        elif isinstance(value, State) and key not in self._values:
            self._states[key] = self._values[key] = value
        elif key in self._states and isinstance(value, Mapping):
            self._states[key].update(value)
        else:
            raise UnknownKeyError(
                f"The state has no element '{key}' to take a value: declare it first, for instance with array_element(...)."
            )

    def _declare(self, key: str, element: Element) -> None:
        known = self._elements.get(key)
        if known is not None and known.space != element.space:
            warnings.warn(
                ElementAssignmentWarning(
                    f"'{key}' keeps its space and takes the value only; delete it first to replace the element."
                ),
                stacklevel=3,
            )
            self._values[key] = known.admit(element.init)
            return
        self._elements[key] = element
        self._values[key] = element.init

    def __delitem__(self, key: str) -> None:
        if key not in self._values:
            raise UnknownKeyError(_unknown(key, self._values))
        del self._values[key]
        self._elements.pop(key, None)
        self._states.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Value:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"the state has no entry '{name}'")
        return self._values[name]

    def __getstate__(self) -> tuple[dict[str, Any], ...]:
        return self._elements, self._states, self._values

    def __setstate__(self, saved: tuple[dict[str, Any], ...]) -> None:
        self._elements, self._states, self._values = saved
        for value in self._values.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False  # a copy or an unpickled array forgets it

    def __repr__(self) -> str:
        return "State(" + ", ".join(f"{key}={value!r}" for key, value in self._values.items()) + ")"

    @property
    def elements(self) -> Mapping[str, Element]:
        """The declared elements by name, without sub-states."""
        return self._elements

    def element(self, key: str) -> Element:
        """Return the element called `key`."""
        if key not in self._elements:
            raise UnknownKeyError(_unknown(key, self._elements))
        return self._elements[key]

    def snapshot(self) -> StateTree:
        """Return the values as nested dicts that no later step changes."""
        values = self._values.copy()
        if self._states:
            for key, state in self._states.items():
                values[key] = state.snapshot()
        return values

    def restore(self, snapshot: StateTree) -> None:
        """Go back to a snapshot of this state."""
        for key, value in snapshot.items():
            if key in self._states:
                self._states[key].restore(value)
            else:
                self._values[key] = value

    def reset(self, stream: Stream, forced: Mapping[str, Any] | None = None) -> None:
        """Draw every element at random; forced values replace the draws.

        Raises:
            UnknownKeyError: If a forced name does not exist.
            ShapeError: If a forced value has the wrong shape; the state is then left as it was.
        """
        forced = forced or {}
        checked = self.checked(forced)
        for key, element in self._elements.items():
            self._values[key] = element.draw(stream)
        for key, state in self._states.items():
            state.reset(stream, forced.get(key))
        for key, value in checked.items():
            self._values[key] = value

    def force(self, forced: Mapping[str, Any]) -> None:
        """Set several values, all or none; elements that are not named stay."""
        for key, value in self.checked(forced).items():
            self._values[key] = value
        for key in forced.keys() & self._states.keys():
            self._states[key].force(forced[key])

    def checked(self, forced: Mapping[str, Any]) -> dict[str, Value]:
        """Return what the forced values would be stored as, without storing any."""
        found: dict[str, Value] = {}
        for key, value in forced.items():
            if key in self._states:
                self._states[key].checked(value)
            elif key not in self._elements:
                raise UnknownKeyError(_unknown(key, self._values))
            else:
                found[key] = self._checked_value(key, value)
        return found

    def _checked_value(self, key: str, value: object) -> Value:
        shape = self._elements[key].space.shape or ()
        given: Any = value.init if isinstance(value, Element) else value
        if np.shape(given) not in {shape, (1,) if shape == () else shape}:
            raise ShapeError(
                f"'{key}' has the shape {shape}, so it cannot take a value of shape {np.shape(given)}."
            )
        return self._elements[key].admit(given)

    def space(self) -> DictSpace:
        """Return the spaces of all elements as one gymnasium space."""
        spaces: dict[str, Space[Any]] = {
            key: element.space for key, element in self._elements.items()
        }
        spaces.update({key: state.space() for key, state in self._states.items()})
        return DictSpace(spaces)

    def equals(self, other: State, mode: Literal["soft", "hard"] = "soft") -> bool:
        """Return whether the values are equal; `hard` compares spaces and modes as well."""
        if self._values.keys() != other.keys():
            return False
        for key, state in self._states.items():
            if not (isinstance(other[key], State) and state.equals(other[key], mode)):
                return False
        for key, element in self._elements.items():
            if not np.array_equal(self._values[key], other[key]):
                return False
            if mode == "hard":
                twin = other.element(key)
                if element.space != twin.space or element.mode != twin.mode:
                    return False
        return True

    def to_json(self) -> str:
        """Return the state as JSON that `state_from_json` reads back with types, shapes and modes."""
        return json.dumps(_to_plain(self))


def state_from_json(text: str) -> State:
    """Return the state that `State.to_json` wrote."""
    return _from_plain(json.loads(text))


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested snapshot as one dict with keys joined by `__`: `task_state__position`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, (dict, State)):
            flat.update(flatten(value, f"{prefix}{key}__"))
        else:
            flat[prefix + key] = value
    return flat


def _unknown(key: object, known: Mapping[str, Any]) -> str:
    close = get_close_matches(str(key), known, 1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    names = ", ".join(known) or "nothing"
    return f"The state has no entry '{key}' (it has {names}){hint}"


def _to_plain(state: State) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, State):
            plain[key] = {"state": _to_plain(value)}
            continue
        element = state.element(key)
        low, high = bounds(element.space)
        plain[key] = {
            "category": isinstance(element.space, Discrete),
            "dtype": np.dtype(element.space.dtype).name,
            "shape": list(element.space.shape or ()),
            "low": [str(bound) for bound in low.ravel().tolist()],
            "high": [str(bound) for bound in high.ravel().tolist()],
            "mode": element.mode,
            "init_dtype": np.asarray(value).dtype.name,
            "value": np.asarray(value).tolist(),
        }
    return plain


def _from_plain(plain: Mapping[str, Any]) -> State:
    state = State()
    for key, entry in plain.items():
        if "state" in entry:
            state[key] = _from_plain(entry["state"])
            continue
        kind = np.dtype(entry["dtype"])
        number = int if np.issubdtype(kind, np.integer) else float
        low, high = (
            np.array([number(bound) for bound in entry[side]], dtype=kind).reshape(entry["shape"])
            for side in ("low", "high")
        )
        space: Box | Discrete = numeric(low, high, dtype=kind)
        if entry["category"]:
            space = Discrete(int(high) - int(low) + 1, start=int(low))
        value = np.asarray(entry["value"], dtype=entry["init_dtype"])
        state[key] = Element(space, value, entry["mode"])
    return state
