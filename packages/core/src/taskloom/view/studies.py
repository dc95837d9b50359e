"""Studies in the viewer: the list of a store's, and the page of one."""

from __future__ import annotations

from pathlib import Path

import htpy as h

from taskloom.errors import RunCorruptError, TaskloomError
from taskloom.report.page import page
from taskloom.studies.page import study_page
from taskloom.studies.record import read_study, study_names
from taskloom.studies.recorded import open_study

_SHOWN = 20


def studies_table(store: Path) -> h.Node:
    """Return the newest studies of a store with what they ask, or nothing if there are none."""
    names = study_names(store)
    if not names:
        return None
    rows = []
    for name in names[:_SHOWN]:
        try:
            record = read_study(store / name)
            told = record.question.metric
            of = ", ".join(record.factors)
        except RunCorruptError as error:
            told, of = error.reason, ""
        rows.append((h.a(href=f"/studies/{name}/")[name], told, of))
    rest = len(names) - len(rows)
    return [
        h.h3["Studies"],
        h.ul[(h.li[link, f" {told}", of and f" by {of}"] for link, told, of in rows)],
        rest > 0 and h.p(".more")[f"{rest:,} older studies are not shown."],
    ]


def study_view(store: Path, name: str, script: str) -> str:
    """Return the page of a study as its runs are now.

    Raises:
        RunCorruptError: Its record is missing or damaged.
    """
    back = h.nav(".kicker.back", aria_label="Back")[h.a(href="/")["\u2190 All runs"]]
    try:
        title, header, sections = study_page(open_study(store / name), run_address="/runs/")
    except RunCorruptError:
        raise
    except TaskloomError as error:  # its runs do not answer the question yet
        return page(
            name, [back, h.h1[name]], [("Study", h.p[error.message])], policy="", script=script
        )
    return page(title, [back, header], sections, policy="", script=script)
