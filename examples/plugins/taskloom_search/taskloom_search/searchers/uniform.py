"""Random search."""

import random
from collections.abc import Sequence
from typing import Literal

from taskloom_search.searchers.base import Searcher


class Uniform(Searcher):
    """Anywhere, independently."""

    kind: Literal["uniform"] = "uniform"

    def propose(self, tried: Sequence[tuple[float, float]], generator: random.Random) -> float:
        """Return a point that no earlier one matters for."""
        del tried
        return generator.random()
