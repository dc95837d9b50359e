"""Base of the noise schedules: a decreasing curve of signal over time, and its slope."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from taskloom_diffusion.model.part import DiffusionPart

if TYPE_CHECKING:
    from torch import Tensor


class Schedule(DiffusionPart):
    """The probability alpha(t) that a token still stands at time t in [0, 1]; alpha falls from about 1 to about 0.

    A schedule is its own implementation: it is written with methods of the tensor it is given, so that this module
    imports nothing heavy. A new one is a subclass with a `kind` and these two methods. Time is float64 everywhere.
    """

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Return the signal at times `t`, of their shape."""

    @abstractmethod
    def dalpha(self, t: Tensor) -> Tensor:
        """Return the slope of the signal over time, which is never positive."""
