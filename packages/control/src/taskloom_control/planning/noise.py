"""Counter-based randomness: what a plan draws depends on the seed, the plan and the iteration, and on nothing else.

Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a key and a counter into random words, so
a draw can be repeated alone: no state is carried from plan to plan, and no thread can disturb it.
"""

from __future__ import annotations

import numpy as np

_WORD = (1 << 64) - 1


class CounterNoise:
    """A family of random streams numbered by two counters.

    Args:
        seed: The seed of the family.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=np.array([seed & _WORD, 0], dtype=np.uint64))
        self._generator = np.random.Generator(self._bits)
        self._state = self._bits.state
        self._counter = np.zeros(4, dtype=np.uint64)

    def stream(self, first: int, second: int = 0) -> np.random.Generator:
        """Return the stream of two counters; it is valid until the next call.

        A stream has 2**128 draws before it meets its neighbour: the two counters are the upper words of Philox's counter.
        """
        self._counter[:] = (0, 0, second, first)
        # Setting the state is four times cheaper than a new bit generator; plans of small models take a millisecond.
        self._state["state"]["counter"] = self._counter
        self._state["buffer_pos"] = 4
        self._state["has_uint32"] = 0
        self._bits.state = self._state
        return self._generator
