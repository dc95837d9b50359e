"""Orders of conditions that balance what comes before what (Williams, Australian Journal of Scientific Research, 1949)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from taskloom_hci.state.streams import Stream, mix

MOST_PERMUTED = 6  # conditions; 720 orders


def williams(count: int) -> list[list[int]]:
    """Return the rows of a Williams design of conditions 0 to count - 1.

    In the first row conditions are taken from both ends in turn, 0, 1, k-1, 2, k-2, and so on; every further row adds one. Each
    condition is in each place equally often, and next to each other one equally often. An odd number needs the mirrored rows
    too.

    >>> williams(4)
    [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]]
    """
    first = [0]
    for step in range(1, count):
        first.append((step + 1) // 2 if step % 2 else count - step // 2)
    rows = [[(row + item) % count for item in first] for row in range(count)]
    return rows if count % 2 == 0 else [*rows, *([*reversed(row)] for row in rows)]


def rows_of(count: int, order: str) -> list[list[int]]:
    """Return the rows that people get in turn; one empty row where each person gets an order of its own."""
    if order == "all":
        return [list(row) for row in permutations(range(count))]
    return williams(count) if order == "latin" else [[]]


def shuffled(items: Sequence[int], seed: int) -> list[int]:
    """Return items in an order that follows from a seed, all orders alike."""
    stream = Stream(mix(seed))
    return [items[i] for i in stream.distinct(len(items), len(items))]


def free_row(rows: int, taken: Sequence[int]) -> int:
    """Return the lowest row among those that the fewest people have.

    Args:
        rows: How many rows there are.
        taken: The rows of the people who have finished or are still there; one who left has freed the row.
    """
    counts = [0] * rows
    for row in taken:
        counts[row] += 1
    return counts.index(min(counts))
