"""Course of a run: its metric lines, thinned, for the charts of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskloom.runs.run import Run
from taskloom.runs.thinner import Thinner


@dataclass(frozen=True, slots=True)
class MetricCourse:
    """Metric lines of a run.

    Attributes:
        rows: Lines that stand for all, with the same peaks.
        count: Lines in all.
        share: Share of the file that has been read, 0 to 1.
    """

    rows: Sequence[Mapping[str, float]]
    count: int
    share: float = 1.0


def whole_course(run: Run) -> MetricCourse:
    """Return the lines of a run, read to the end.

    Raises:
        RunCorruptError: They cannot be read.
    """
    thinner = Thinner()
    for row in run.rows():
        thinner.add(row)
    return MetricCourse(thinner.rows(), thinner.count)
