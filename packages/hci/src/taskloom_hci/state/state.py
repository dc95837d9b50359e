"""A state: named elements and sub-states, with plain values inside."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Literal, TypeAlias

import numpy as np
from gymnasium.spaces import Dict as DictSpace, Space
from numpy.typing import NDArray
from taskloom.registry.suggest import did_you_mean

from taskloom_hci.errors import ElementAssignmentWarning, ShapeError, UnknownKeyError
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.streams import Stream

StateTree: TypeAlias = dict[str, Any]
"""A snapshot: nested dicts of NumPy scalars and read-only arrays."""


class State(MutableMapping[str, Any]):
    """Named elements. Assigning an `Element` declares it, assigning a value goes through the element's mode.

        state["x"] = discrete_array_element(low=-1, high=4, init=0, out_of_bounds_mode="clip")
        state["x"] += 9     # 4
        state["y"][0] += 1  # arrays may be changed in place: the mode applies when the state is looked at next

    A snapshot never changes: an array that was taken from the state before it is read-only from then on, so that a late
    write is an error instead of being lost. To give a name another element, delete it first.
    """

    __slots__ = ("_elements", "_lent", "_states", "_values")

    def __init__(
        self, entries: Mapping[str, Element | State] | None = None, **more: Element | State
    ) -> None:
        self._elements: dict[str, Element] = {}
        self._states: dict[str, State] = {}
        self._values: dict[str, Any] = {}
        self._lent: dict[
            str, NDArray[Any]
        ] = {}  # arrays that were handed out and may be written to
        for key, entry in {**(entries or {}), **more}.items():
            self[key] = entry

    def __getitem__(self, key: str) -> Value:
        try:
            value = self._values[key]
        except KeyError:
            raise UnknownKeyError(_unknown(key, self._values)) from None
        return self._lend(key) if type(value) is np.ndarray else value

    def _lend(self, key: str) -> NDArray[Any]:
        if key not in self._lent:
            self._lent[key] = self._values[key].copy()
        else:
            self._settle(key)
        return self._lent[key]

    def _settle(self, key: str) -> None:
        """Take over what was written into an array that was handed out."""
        lent = self._lent[key]
        if not np.array_equal(lent, self._values[key]):
            try:
                self._values[key] = self._elements[key].admit(lent)
            finally:
                lent[...] = self._values[key]  # clipped, or as it was if the value is refused

    def _settle_all(self) -> None:
        for key in self._lent:
            self._settle(key)
        for lent in self._lent.values():
            lent.flags.writeable = False
        self._lent.clear()

    def __setitem__(self, key: str, value: object) -> None:
        element = self._elements.get(key)
        if isinstance(value, Element):
            self._declare(key, value)
        elif element is not None:
            self._store(key, element.admit(value))  # type: ignore[arg-type] # admit refuses what is no array
        elif isinstance(value, State) and key not in self._values:
            self._states[key] = self._values[key] = value
        elif key in self._states and isinstance(value, Mapping):
            self._states[key].update(value)
        else:
            raise UnknownKeyError(
                f"The state has no element '{key}' to take a value: declare it first, for instance with array_element(...)."
            )

    def _store(self, key: str, value: Value) -> None:
        if self._lent:
            lent = self._lent.pop(key, None)
            if lent is not None:
                lent.flags.writeable = False
        self._values[key] = value

    def _declare(self, key: str, element: Element) -> None:
        known = self._elements.get(key)
        if known is not None and known.space != element.space:
            warnings.warn(
                ElementAssignmentWarning(
                    f"'{key}' keeps its space and takes the value only; delete it first to replace the element."
                ),
                stacklevel=3,
            )
            self._store(key, known.admit(element.init))
            return
        self._elements[key] = element
        self._store(key, element.init)

    def __delitem__(self, key: str) -> None:
        if key not in self._values:
            raise UnknownKeyError(_unknown(key, self._values))
        self._store(key, None)
        del self._values[key]
        self._elements.pop(key, None)
        self._states.pop(key, None)

    def __contains__(self, key: object) -> bool:
        # The mixin's way takes the value out, which lends a copy of an array.
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Value:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"the state has no entry '{name}'")
        return self[name]

    def __getstate__(self) -> tuple[dict[str, Any], ...]:
        self._settle_all()
        return self._elements, self._states, self._values

    def __setstate__(self, saved: tuple[dict[str, Any], ...]) -> None:
        self._elements, self._states, self._values = saved
        self._lent = {}
        for value in self._values.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False  # a copy or an unpickled array forgets it

    def __repr__(self) -> str:
        return "State(" + ", ".join(f"{key}={value!r}" for key, value in self.items()) + ")"

    @property
    def elements(self) -> Mapping[str, Element]:
        """The declared elements by name, without sub-states."""
        return self._elements

    def element(self, key: str) -> Element:
        """Return the element called `key`."""
        if key not in self._elements:
            raise UnknownKeyError(_unknown(key, self._elements))
        return self._elements[key]

    def settle(self) -> None:
        """Take over what was written into arrays that were handed out; they are read-only from then on.

        Raises:
            NotContainedError: If a value that was written is outside its space and the mode is `error`.
        """
        if self._lent:
            self._settle_all()

    def snapshot(self) -> StateTree:
        """Return the values as nested dicts that no later step changes."""
        if self._lent:
            self._settle_all()
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
                self._store(key, value)

    def reset(self, stream: Stream, forced: Mapping[str, Any] | None = None) -> None:
        """Draw every element at random; forced values replace the draws.

        Raises:
            UnknownKeyError: If a forced name does not exist.
            ShapeError: If a forced value has the wrong shape; the state is then left as it was.
        """
        forced = forced or {}
        checked = self.checked(forced)
        for key, element in self._elements.items():
            self._store(key, element.draw(stream))
        for key, state in self._states.items():
            state.reset(stream, forced.get(key))
        for key, value in checked.items():
            self._store(key, value)

    def force(self, forced: Mapping[str, Any]) -> None:
        """Set several values, all or none; elements that are not named stay."""
        for key, value in self.checked(forced).items():
            self._store(key, value)
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
            if not np.array_equal(self[key], other[key]):
                return False
            if mode == "hard":
                twin = other.element(key)
                if element.space != twin.space or element.mode != twin.mode:
                    return False
        return True


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
    names = ", ".join(known) or "nothing"
    meant = did_you_mean(str(key), known)
    return f"The state has no entry '{key}' (it has {names})" + (f"; {meant}" if meant else "")
