"""Display of a run in a session: its card, and its report."""

from __future__ import annotations

import html

from taskloom.report.write import write_report
from taskloom.runs.run import Run
from taskloom.show.cells import MOST_ROWS, guarded, line_of, shown_of, table_of
from taskloom.show.page import Report


def run_html(run: Run) -> str:
    """Return the card of a run: its task, its status, its headline, its metrics, its folder."""
    return guarded(lambda: _card(run), run)


def report_of(run: Run) -> Report:
    """Return the report of a run, written if it is missing.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        StoreError: The page cannot be written.
    """
    is_there = run.layout.report.is_file() and run.status == "finished"
    return Report(run.layout.report if is_there else write_report(run))


def _card(run: Run) -> str:
    told = [run.status, *(["reused"] if run.reused else []), *run.stale]
    head = f"<b>{html.escape(f'{run.domain}/{run.task}')}</b> {html.escape(', '.join(told))}"
    headline = run.headline
    large = ""
    if headline is not None:
        ends = (
            ""
            if headline.low is None
            else f" [{shown_of(headline.low)}, {shown_of(headline.high)}]"
        )
        figure = f"{shown_of(headline.value)}{ends} {headline.unit}".rstrip()
        large = (
            f'<div style="font-size:1.5em">{html.escape(figure)}</div>{line_of(headline.sentence)}'
        )
    elif run.summary:
        large = line_of(run.summary)
    failure = run.record.failure
    if failure is not None:
        large += line_of(f"{failure.type}: {failure.message}")
    metrics = list(run.metrics.items())
    numbers = table_of(["metric", "value"], metrics[:MOST_ROWS]) if metrics else ""
    return f"<div>{head}{large}{numbers}<code>{html.escape(str(run.dir))}</code></div>"
