"""The contract of a batch kernel."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.batch.episodes import Episodes


class Kernel(Protocol):
    """Plays many episodes of one game at once.

    Attributes:
        compiled: Whether numba can do it as well.
    """

    compiled: bool

    def play(
        self, seed: int, episodes: NDArray[np.int64], backend: Literal["numpy", "numba"]
    ) -> Episodes:
        """Play the episodes with these numbers; the trajectories are those of `play_loop`."""
        ...
