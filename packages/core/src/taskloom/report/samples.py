"""Single samples of a run, as its domain offers them to the viewer: a table that is filtered and sorted, and one picture each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from taskloom.report.model import Block

Column = Sequence[float | int | str | bool]


@dataclass(frozen=True, slots=True)
class SampleTable:
    """Samples of a run.

    Attributes:
        of: One of them in words: "episode".
        columns: Values by column, each as long as the others; numbers are sorted as numbers.
        group: Column by which the table is filtered: `set`; or empty.
        order: Column that it is sorted by unasked, with `-` before it to fall; empty keeps the order.
        draw: Function from the place of a sample to blocks that show it; or None.
    """

    of: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    group: str = ""
    order: str = ""
    draw: Callable[[int], Sequence[Block]] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))
