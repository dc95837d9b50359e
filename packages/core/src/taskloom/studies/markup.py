"""Tables of a study in LaTeX and HTML; p-values are in neither."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from taskloom.latex import latex_text, tabular
from taskloom.show.cells import MOST_ROWS, table_of
from taskloom.studies.tables import (
    StudyFacts,
    cell_table,
    comparison_table,
    heading,
    method_of,
    notes_of,
)


def latex_of(study: StudyFacts) -> str:
    """Return the tables of a study for LaTeX with the package booktabs; p-values stay out of it."""
    best = {index for index, cell in enumerate(study.table) if cell.mark == "best"}
    parts = [f"% {latex_text(heading(study))}", tabular(*cell_table(study, study.table), best)]
    if study.differences:
        parts += [
            f"% {latex_text(method_of(study))}",
            tabular(*comparison_table(study, has_p=False)),
        ]
    return "\n".join([*parts, *(f"% {latex_text(note)}" for note in notes_of(study))]) + "\n"


def html_of(study: StudyFacts) -> str:
    """Return the tables of a study for a notebook's cell, the first fifty rows of each, every text escaped."""
    parts = [f"<p>{escape(heading(study))}</p>", _html(*cell_table(study, study.table))]
    if study.differences:
        parts += [f"<p>{escape(method_of(study))}</p>"]
        parts.append(_html(*comparison_table(study, has_p=False)))
    return "".join([*parts, *(f"<p>{escape(note)}</p>" for note in notes_of(study))])


def _html(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rest = len(rows) - MOST_ROWS
    more = f"<div>and {rest} more</div>" if rest > 0 else ""
    return f"{table_of(columns, rows[:MOST_ROWS])}{more}"
