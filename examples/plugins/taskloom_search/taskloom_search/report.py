"""Sections of the report of a run."""

from taskloom.report import Block, charts
from taskloom.runs import Run


def report(run: Run) -> list[Block]:
    """Return the blocks of the domain's section."""
    return [charts.line(run.history(), "step", "lowest", title="The lowest value so far")]
