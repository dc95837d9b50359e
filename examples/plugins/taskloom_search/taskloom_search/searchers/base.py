"""The base of every searcher."""

import random
from abc import abstractmethod
from collections.abc import Sequence

from taskloom import Component


class Searcher(Component):
    """Searcher that proposes the next point: parameters as fields, arithmetic as methods, and no state."""

    @abstractmethod
    def propose(self, tried: Sequence[tuple[float, float]], generator: random.Random) -> float:
        """Return the next point in [0, 1].

        Args:
            tried: Value and place of every point so far, in order.
            generator: Where random numbers come from.
        """
