"""The domain's section of a run's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.report import charts
from taskloom.report.model import Block, Heading, Table

if TYPE_CHECKING:
    from taskloom.runs import Run


def report(run: Run) -> list[Block]:
    """Return loss curves, likelihood by mask rate, samples and the unmasking, as far as the run got."""
    rows = run.history()
    blocks: list[Block] = [Heading("Training")]
    curves = [
        {"step": row["step"], "nats": row[key], "curve": label}
        for row in rows
        for key, label in (("train/loss", "training loss"), ("validation/nelbo", "held-out bound"))
        if key in row
    ]
    if curves:
        blocks.append(
            charts.line(
                curves,
                "step",
                "nats",
                color="curve",
                y_title="nats per token",
                caption="Training loss, and the bound on held-out sequences of the averaged weights.",
            )
        )
    metrics = [(name, value) for name, value in run.metrics.items()]
    blocks.append(Table(("metric", "value"), metrics, "Final metrics."))
    return blocks
