"""Pieces that the costs of several tasks are made of, for arrays of any namespace."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from taskloom_control.task import Array

Weight = Annotated[float, Field(ge=0)]
Scale = Annotated[float, Field(gt=0)]
TINY = 1e-9
"""Length that is added, as squares, to a length that is divided by."""


def smooth_absolute(values: Array, scale: float) -> Array:
    """Return sqrt(z^2 + p^2) - p: quadratic near zero, |z| far away."""
    return (values * values + scale * scale) ** 0.5 - scale


def half_square(values: Array) -> Array:
    """Return half the squared length of the vectors along the last axis."""
    # Four times faster than a sum of squares: NumPy is slow at reducing a short last axis.
    return 0.5 * values.__array_namespace__().vecdot(values, values)


def square_length(values: Array) -> Array:
    """Return the squared length of the vectors of two to four coordinates along the last axis."""
    # Several times faster than a reduction of so short an axis.
    total = values[..., 0] * values[..., 0]
    for i in range(1, values.shape[-1]):
        total = total + values[..., i] * values[..., i]
    return total


def length(values: Array, smallest: float = TINY) -> Array:
    """Return the length of the vectors along the last axis; never zero, so that it can be divided by."""
    square = values.__array_namespace__().vecdot(values, values)
    return (square + smallest * smallest) ** 0.5
