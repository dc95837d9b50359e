"""The parts of a state: a space, a first value, and what happens to a value outside the space."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import ArrayLike, DTypeLike, NDArray

from taskloom_hci.errors import NotContainedError, NotContainedWarning, ShapeError
from taskloom_hci.state.spaces import ElementSpace, bounds, numeric, sample
from taskloom_hci.state.streams import Stream

Mode: TypeAlias = Literal["error", "warning", "clip", "silent", "raw"]
Value: TypeAlias = (
    Any  # a NumPy scalar, or a read-only array: values are replaced, never changed in place
)

MODES: tuple[Mode, ...] = ("error", "clip", "warning", "silent", "raw")  # strictest first


def strictest(first: Mode, second: Mode) -> Mode:
    """Return the mode that holds where two elements meet."""
    return first if MODES.index(first) <= MODES.index(second) else second


@dataclass(frozen=True, slots=True)
class Element:
    """One entry of a state: its space, its value and its mode.

    Values are immutable: a NumPy scalar for shape (), else a read-only array. An observation can therefore hold a value
    without copying it, and no later step changes what was observed.

    Attributes:
        space: A `Box` or a `Discrete`.
        init: The value until the first reset.
        mode: What becomes of a value outside the space: `error` refuses it, `clip` moves it to the nearest bound,
            `warning` keeps it and warns, `silent` keeps it, `raw` does not even look (and keeps the type of `init`).
    """

    space: ElementSpace
    init: Value
    mode: Mode = "warning"
    _type: Any = field(init=False, repr=False, compare=False)
    _limits: tuple[float, float] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ShapeError(f"An element's mode is one of {', '.join(MODES)}, not '{self.mode}'.")
        kind = np.asarray(self.init).dtype if self.mode == "raw" else np.dtype(self.space.dtype)
        object.__setattr__(self, "_type", kind.type)
        low, high = bounds(self.space)
        scalar = (low.item(), high.item()) if low.shape == () else None
        object.__setattr__(self, "_limits", scalar)
        object.__setattr__(self, "init", self.admit(self.init))

    def admit(self, value: ArrayLike) -> Value:
        """Return what is stored when `value` is assigned.

        Raises:
            ShapeError: If the value has another shape or no number in it.
            NotContainedError: If it lies outside the space and the mode is `error`.
        """
        if self._limits is None:
            return self._admit_array(value)
        low, high = self._limits
        if type(value) is self._type and low <= value <= high:  # type: ignore[operator] # a NumPy scalar
            return value
        try:
            number = value if isinstance(value, (int, float)) else np.asarray(value).item()
            if not isinstance(number, (int, float)):
                raise TypeError  # NumPy would read "3" and take None for a NaN
            stored = self._type(number)
        except (ValueError, TypeError, OverflowError):
            raise ShapeError(f"{_shown(value)} is not one {self._type.__name__} number.") from None
        if self.mode == "raw" or low <= stored <= high:
            return stored
        return self._type(self._outside(stored))

    def _admit_array(self, value: ArrayLike) -> Value:
        shape = self.space.shape or ()
        try:
            array = np.array(value, dtype=self._type)
            stored: NDArray[Any] = array if array.shape == shape else array.reshape(shape)
        except (ValueError, TypeError, OverflowError):
            raise ShapeError(
                f"{_shown(value)} does not have the shape {shape} of {self._type.__name__} numbers."
            ) from None
        if self.mode in {"raw", "silent"}:  # the one does not look, the other does not mind
            stored.flags.writeable = False
            return stored
        low, high = bounds(self.space)
        if not (np.all(stored >= low) and np.all(stored <= high)):
            stored = np.array(self._outside(stored), dtype=self._type)
        stored.flags.writeable = False
        return stored

    def _outside(self, stored: Value) -> Value:
        low, high = bounds(self.space)
        if self.mode == "clip" and not np.any(np.isnan(stored)):
            return np.clip(stored, low, high)
        message = f"{_shown(stored)} is outside the space {_limits_shown(self.space)}."
        if self.mode in {"error", "clip"}:
            raise NotContainedError(message)
        if self.mode == "warning":
            warnings.warn(NotContainedWarning(message), stacklevel=4)
        return stored

    def draw(self, stream: Stream) -> Value:
        """Return a random member of the space."""
        if self._limits is not None and isinstance(self._limits[0], int):
            low, high = self._limits
            return self._type(
                low + stream.integer(int(high - low) + 1)
            )  # what `sample` does, without arrays
        return self.admit(sample(self.space, stream))


def _shown(value: object) -> str:
    text = repr(value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def _limits_shown(space: ElementSpace) -> str:
    low, high = (np.unique(bound) for bound in bounds(space))
    parts = [b.item() if b.size == 1 else b.tolist() for b in (low, high)]
    shape = f" of shape {space.shape}" if space.shape else ""
    return f"[{parts[0]}, {parts[1]}]{shape}"


def discrete_array_element(
    count: int | None = None,
    *,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    init: ArrayLike | None = None,
    shape: tuple[int, ...] | None = None,
    dtype: DTypeLike = np.int64,
    out_of_bounds_mode: Mode = "warning",
) -> Element:
    """Return an element of integers: {0, ..., count - 1}, or {low, ..., high}.

    Args:
        count: Number of values, from 0.
        low: Lowest value; by default that of the type.
        high: Highest value; by default that of the type.
        init: First value; by default the low bound, or 0 where there is none.
        shape: The shape; by default that of the bounds, or of `init`.
        dtype: An integer type.
        out_of_bounds_mode: See `Element`.
    """
    if count is not None:
        low, high = 0, count - 1
    extremes = np.iinfo(np.dtype(dtype).type)
    bottom = extremes.min if low is None else low
    top = extremes.max if high is None else high
    if shape is None and np.ndim(bottom) == 0 and np.ndim(top) == 0 and init is not None:
        shape = np.shape(init)
    space = numeric(bottom, top, shape=shape, dtype=dtype)
    first = (0 if low is None else np.asarray(low)) if init is None else np.asarray(init)
    return Element(space, np.broadcast_to(first, space.shape), out_of_bounds_mode)


def array_element(
    shape: tuple[int, ...] | None = None,
    init: ArrayLike | None = None,
    *,
    low: ArrayLike = -np.inf,
    high: ArrayLike = np.inf,
    dtype: DTypeLike = np.float64,
    out_of_bounds_mode: Mode = "warning",
) -> Element:
    """Return an element of real numbers; see `discrete_array_element`."""
    if shape is None and np.ndim(low) == 0 and np.ndim(high) == 0:
        shape = np.shape(init) if init is not None else (1,)
    space = numeric(low, high, shape=shape, dtype=dtype)
    if init is None:
        init = np.clip(np.zeros(space.shape), space.low, space.high)
    return Element(space, np.broadcast_to(np.asarray(init), space.shape), out_of_bounds_mode)


def cat_element(count: int, init: int = 0, *, out_of_bounds_mode: Mode = "warning") -> Element:
    """Return an element of the category {0, ..., count - 1}."""
    return Element(Discrete(count), np.int64(init), out_of_bounds_mode)
