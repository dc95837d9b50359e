"""A budget of wall-clock time for one plan: how many candidates are rolled out, in chunks, before the plan has to be there.

A plan made of the first n of N candidates is the plan of n candidates, because noise is drawn row by row from a counter stream.
So a plan may be cut at any candidate, and what was used is recorded: the same chunks give the same plan on any machine.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Protocol

# Chunks, plans and ends of plans that are remembered.
_MEMORY = 20
# A chunk may take this many times the second longest of those that are remembered.
_MARGIN = 1.05
# An overrun is a plan that comes later than its deadline by more than this share of it.
OVERRUN = 0.1
# A chunk is this share of what fits: smaller ones cost more in calls than they save.
_SHARE = 0.25


class Budget(Protocol):
    """Divider of a plan's candidates into chunks.

    Attributes:
        least: Candidates below which a batch teaches nothing: the plan of before stays.
    """

    least: int

    def begin(self) -> None:
        """Begin a plan."""
        ...

    def chunk(self, iteration: int, done: int, total: int, later: float, /) -> int:
        """Return how many candidates come next in an iteration; 0 ends it.

        Args:
            iteration: The iteration.
            done: Candidates of it that were rolled out.
            total: Candidates that it has.
            later: Rollouts that follow for each of them, once all have been tried.
        """
        ...

    def ran(self) -> None:
        """Note that the chunk asked for last was rolled out."""
        ...

    def settled(self) -> None:
        """Note that the rollouts that follow were made."""
        ...

    def end(self) -> bool:
        """Note that the plan is there; return whether that was too late."""
        ...


class Deadline:
    """As many candidates as fit before a deadline.

    Args:
        seconds: Time for a plan [s]; infinite for a plan that is never cut.
        least: Candidates below which a batch teaches nothing.
        smallest: Smallest chunk: two for each thread, so that none waits.
        clock: Wall clock [s].

    Attributes:
        taken: The chunks of the plan that was begun last, by iteration.
    """

    def __init__(
        self,
        seconds: float,
        least: int = 8,
        smallest: int = 4,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.seconds, self.least, self.smallest = seconds, least, smallest
        self.taken: list[list[int]] = []
        self._clock = clock
        # Time for one candidate. A plan's first chunk finds cold caches, and says little of the others.
        self._firsts: deque[float] = deque(maxlen=_MEMORY)
        self._others: deque[float] = deque(maxlen=_MEMORY)
        # Of each plan: from its last chunk to its end.
        self._tails: deque[float] = deque(maxlen=_MEMORY)
        self._began = self._since = 0.0

    def begin(self) -> None:
        """Begin a plan."""
        self.taken, self._began = [], self._clock()
        self._since = self._began

    def chunk(self, iteration: int, done: int, total: int, later: float = 0.0, /) -> int:
        """Return how many candidates come next in an iteration; 0 ends it."""
        while len(self.taken) <= iteration:
            self.taken.append([])
        size = self._next(iteration, done, total - done, later)
        if size:
            self.taken[iteration].append(size)
            self._since = self._clock()
        return size

    def _next(self, iteration: int, done: int, rest: int, later: float) -> int:
        """Return the size of the next chunk.

        The first chunk of a plan is never empty, whatever the clock: a plan that is measured by nothing says nothing about
        the cost of the next one either.
        """
        if math.isinf(self.seconds):
            return rest
        is_first = iteration == 0 and done == 0
        costs = self._firsts if is_first or not self._others else self._others
        if not costs:
            return min(rest, self.least if is_first else 0)
        # Updating and publishing come after the last chunk, and are due by then too. Before the first chunk their usual time
        # counts: one slow end of the last twenty must not starve twenty plans.
        tail = (
            (median(self._tails) if is_first else _second_longest(self._tails))
            if self._tails
            else 0.0
        )
        left = self._began + self.seconds - tail - self._clock()
        usual, worst = median(costs), _MARGIN * _second_longest(costs)
        # A candidate brings rollouts that come later; those of the ones that are done are due as well.
        left -= done * later * worst
        usual, worst = usual * (1 + later), worst * (1 + later)
        wanted = max(self.smallest, math.ceil(_SHARE * self.seconds / usual))
        if is_first:
            # Judged by the usual cost: one slow chunk of the last twenty must not starve twenty plans.
            enough = left >= self.least * usual
            size = max(self.least, min(wanted, int(left / worst))) if enough else self.smallest
            return min(rest, size)
        if done == 0 and left < self.least * worst:
            return 0
        wanted = max(wanted, self.least) if done == 0 else wanted
        # One that takes twice as long as usual, for whatever reason, must not be an overrun either.
        twice = (left + OVERRUN * self.seconds) / (2 * usual)
        size = min(rest, wanted, int(left / worst), int(twice))
        return size if size >= min(self.smallest, rest) else 0

    def ran(self) -> None:
        """Note that the chunk asked for last was rolled out."""
        now, size = self._clock(), self.taken[-1][-1]
        is_first = len(self.taken) == len(self.taken[0]) == 1
        (self._firsts if is_first else self._others).append((now - self._since) / size)
        self._since = now

    def settled(self) -> None:
        """Note that the rollouts that follow were made: they are no part of the time from the last chunk to the end."""
        self._since = self._clock()

    def end(self) -> bool:
        """Note that the plan is there; return whether that was too late."""
        now = self._clock()
        self._tails.append(now - self._since)
        return now - self._began > self.seconds


def _second_longest(times: deque[float]) -> float:
    """Return the second longest of the times that are remembered: what happens once in twenty is no measure of the next."""
    return sorted(times)[-2] if len(times) > 1 else times[0]


class Repeated:
    """The chunks of a plan that was made before, so that it is made again to the bit.

    Args:
        taken: The chunks by iteration, as `Deadline.taken` says them.
        least: Candidates below which a batch teaches nothing, as they were then.
    """

    def __init__(self, taken: Sequence[Sequence[int]], least: int = 8) -> None:
        self.taken, self.least = taken, least
        self._place = 0

    def begin(self) -> None:
        """Begin a plan."""

    def chunk(self, iteration: int, done: int, total: int, later: float = 0.0, /) -> int:
        """Return how many candidates come next in an iteration; 0 ends it."""
        del total, later
        chunks = self.taken[iteration] if iteration < len(self.taken) else ()
        self._place = 0 if done == 0 else self._place
        if self._place >= len(chunks):
            return 0
        self._place += 1
        return chunks[self._place - 1]

    def ran(self) -> None:
        """Note that the chunk asked for last was rolled out."""

    def settled(self) -> None:
        """Note that the rollouts that follow were made."""

    def end(self) -> bool:
        """Note that the plan is there; return False: nothing waits for it."""
        return False
