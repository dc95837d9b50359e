"""The protocol: what a task of this domain is.

A task is a function f on [0, 1] whose lowest point is searched:

    value(x)   f(x)
"""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Problem(Protocol):
    """A function on [0, 1]. Any class with this method is a task."""

    def value(self, x: float) -> float:
        """Return f(x)."""
        ...
