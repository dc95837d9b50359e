"""The viewer's pages of single runs, of comparisons, and of what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from taskloom.report.compare import comparison_page
from taskloom.report.page import page
from taskloom.report.run_page import run_page
from taskloom.runs.run import Run
from taskloom.view.live import LIVE
from taskloom.view.progress import progress_bar
from taskloom.view.samples import has_samples
from taskloom.view.series import course_of, is_reading
from taskloom.view.sweeps import SCRIPT


def live_page(run: Run) -> str:
    """Return the page of a run, which renews itself while the run is running."""
    title, header, sections, folds = run_page(run, course_of)
    live = h.div("#live", data_live="1" if run.status in LIVE or is_reading(run) else "0")[
        h.nav(".kicker.back", aria_label="Back and further")[
            h.a(href="/")["\u2190 All runs"],
            has_samples(run) and [" \u00b7 ", h.a(href="samples")["Single samples"]],
        ],
        header,
        progress_bar(run),
    ]
    return page(title, live, sections, folds=folds, policy="", script=SCRIPT)


def compare_page(runs: Sequence[Run]) -> str:
    """Return the comparison of runs."""
    title, header, sections, folds = comparison_page(runs)
    top = [h.nav(".kicker.back", aria_label="Back")[h.a(href="/")["\u2190 All runs"]], header]
    return page(title, top, sections, folds=folds, policy="", script=SCRIPT)


def problem_page(status: int, message: str) -> str:
    """Return a page that says what went wrong."""
    title = {400: "Nothing to show", 404: "Not found"}.get(status, "This page failed")
    header = h.header[
        h.p(".kicker")[f"taskloom \u00b7 viewer \u00b7 {status}"],
        h.h1[title],
        h.p(".lede")[message],
    ]
    return page(
        title,
        header,
        [("Back", h.p[h.a(href="/")["All runs"]])],
        policy="",
        script=SCRIPT,
    )
