"""Plays many episodes of a bundle by the fastest way that gives the same trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Literal, TypeAlias

import numpy as np

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.batch.kernel import Kernel
from taskloom_hci.batch.kernels import kernel_of
from taskloom_hci.batch.loop import play_loop
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError

Backend: TypeAlias = Literal["auto", "numpy", "numba", "loop"]
Way: TypeAlias = Literal["numpy", "numba", "loop"]

# Compiling takes a second or two; below about this many episodes NumPy is done earlier.
NUMBA_FROM = 50_000


def has_numba() -> bool:
    """Return whether numba is installed."""
    return find_spec("numba") is not None


def choose_backend(bundle: Bundle, num_episodes: int, backend: Backend = "auto") -> Way:
    """Return how `play` would play this many episodes.

    Raises:
        HciError: If the backend asked for cannot play this game, or is not installed.
    """
    return _way(bundle, kernel_of(bundle), num_episodes, backend)


def _way(bundle: Bundle, kernel: Kernel | None, num_episodes: int, backend: Backend) -> Way:
    if backend == "loop" or (backend == "auto" and kernel is None):
        return "loop"
    if kernel is None:
        raise HciError(
            f"{bundle.name} has no batch kernel for these agents: choose the backend 'loop' or 'auto'."
        )
    if backend == "numba" and not kernel.compiled:
        raise HciError(
            f"{bundle.name} has no kernel for numba: choose the backend 'numpy' or 'auto'."
        )
    if backend == "numba" and not has_numba():
        raise HciError(
            "The backend 'numba' needs numba: pip install 'taskloom-hci[fast]', or choose 'numpy'."
        )
    if backend == "auto":
        fast = kernel.compiled and has_numba() and num_episodes >= NUMBA_FROM
        return "numba" if fast else "numpy"
    return backend


class Player:
    """Plays episodes of one game; the tables that a kernel needs are made once.

    Args:
        bundle: The game; its seed decides what happens.
        total: How many episodes there will be; `auto` looks at it.
        backend: `loop` plays through the bundle, `numpy` and `numba` play all at once where the task has a kernel for these
            agents; `auto` takes the fastest. The trajectories are the same, bit for bit.
        full: Record the rewards of every round, observations and beliefs; only one by one.

    Attributes:
        way: How it plays.
    """

    def __init__(
        self, bundle: Bundle, total: int, backend: Backend = "auto", *, full: bool = False
    ) -> None:
        self.bundle, self.full = bundle, full
        kernel = kernel_of(bundle)
        if full and backend not in {"auto", "loop"}:
            raise HciError(
                f"What agents see and believe is recorded one by one, not by '{backend}': choose the backend 'loop' or 'auto', "
                "or record=actions."
            )
        backend = "loop" if full else backend
        self.way: Way = _way(bundle, kernel, total, backend)
        # Its tables may be large: a loop does not keep them.
        self._kernel = None if self.way == "loop" else kernel

    def play(self, episodes: Sequence[int], stop: Callable[[], bool] | None = None) -> Episodes:
        """Play the episodes with these numbers; one by one, it asks `stop` after each and may return fewer."""
        if self.way == "loop" or self._kernel is None:
            return play_loop(self.bundle, episodes, full=self.full, stop=stop)
        return self._kernel.play(self.bundle.seed, np.asarray(episodes, dtype=np.int64), self.way)


def play(
    bundle: Bundle, episodes: int | Sequence[int], backend: Backend = "auto", *, full: bool = False
) -> Episodes:
    """Play episodes of a game: how many, from 0 on, or which; see `Player`."""
    numbers = range(episodes) if isinstance(episodes, int) else episodes
    return Player(bundle, len(numbers), backend, full=full).play(numbers)
