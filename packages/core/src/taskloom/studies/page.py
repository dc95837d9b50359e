"""The page of a study: combinations, differences, looks and runs. p-values are not on it."""

from __future__ import annotations

from pathlib import Path

import htpy as h

from taskloom.report.blocks import band, note, table
from taskloom.report.intervals import interval_strip
from taskloom.report.page import page
from taskloom.runs.writer import atomic_write
from taskloom.secrets.redaction import IN_CONFIGS
from taskloom.studies.cells import StudyCell
from taskloom.studies.data import value_rows
from taskloom.studies.study import Study
from taskloom.studies.tables import (
    cell_table,
    comparison_table,
    heading,
    method_of,
    notes_of,
    percent,
)
from taskloom.studies.values import label
from taskloom.wording import format_value


def write_page(study: Study, output: Path) -> Path:
    """Write a study as one self-contained page and return the file.

    Raises:
        StoreError: The file cannot be written.
    """
    title, header, sections = study_page(study)
    atomic_write(output, IN_CONFIGS.text(page(title, header, sections)))
    return output


def study_page(
    study: Study, *, run_address: str = ""
) -> tuple[str, h.Node, list[tuple[str, h.Node]]]:
    """Return the title, the header and the sections of a study's page.

    Args:
        study: The study.
        run_address: Beginning of the address of a run in the viewer; empty in a file.
    """
    title = f"{study.task or 'study'} \u00b7 {study.question.metric}"
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 study"],
        h.h1[study.task or study.question.metric],
        h.p(".lede")[f"{heading(study)}."],
        study.id and h.p[h.code[study.id]],
        _verdict(study),
    ]
    sections: list[tuple[str, h.Node]] = [
        ("Differences", _differences(study)),
        ("Combinations", _cells(study)),
        ("Levels", _levels(study)),
        ("Notes", _notes(study)),
        ("Looks", _looks(study)),
        ("Runs", _runs(study, run_address)),
    ]
    return title, header, [(name, body) for name, body in sections if body]


def _verdict(study: Study) -> h.Node:
    """Return which combination is best, or which are not shown to differ from it; nothing where no direction is better."""
    marked = [cell for cell in study.table if cell.mark]
    if not marked or len(study.table) < 2:
        return None
    best = next((cell for cell in marked if cell.mark == "best"), marked[0])
    value = format_value(best.interval.estimate, best.interval.half_width)
    told = f"{value} {study.question.metric}"
    others = [_named(cell) for cell in marked if cell is not best]
    if not others:
        return band("Best", f"{_named(best)}: {told}; every other combination is shown to differ from it.", "good")  # fmt: skip
    said = f"{_named(best)} leads with {told}; not shown to differ from it: {'; '.join(others)}."
    return band("Not shown to differ", said)


def _named(cell: StudyCell) -> str:
    return ", ".join(f"{name}={label(level)}" for name, level in cell.levels.items())


def _differences(study: Study) -> h.Node:
    if not study.differences:
        return None
    columns, rows = comparison_table(study, has_p=False)
    drawn = [(item.name, item.interval) for item in study.differences]
    return [
        h.p[f"{method_of(study)}."],
        h.p[[_sentence(item.words) for item in study.differences]],
        interval_strip(drawn, "difference", percent(study.question.level), has_zero=True),
        table(columns, rows, row_heads=True),
    ]


def _sentence(words: str) -> str:
    # Names of components keep their spelling at the beginning of a sentence.
    return f"{words}. "


def _cells(study: Study) -> h.Node:
    columns, rows = cell_table(study, study.table)
    drawn = [
        (", ".join(map(label, cell.levels.values())) or "all", cell.interval)
        for cell in study.table
    ]
    metric = study.question.metric
    return [
        interval_strip(drawn, metric, percent(study.question.level)),
        table(columns, rows, row_heads=True),
    ]


def _levels(study: Study) -> h.Node:
    """Return the compared levels, where each is an average over other factors."""
    if len(study.values.factors) < 2 or not study.levels:
        return None
    metric = study.question.metric
    rows = []
    for cell in study.levels:
        _, (row,) = cell_table(study, [cell])
        rows.append((cell.name, *row[1:4]))
    columns = ("level", metric, f"{percent(study.question.level)} interval", "n")
    return table(columns, rows, row_heads=True)


def _notes(study: Study) -> h.Node:
    return [note(f"{text[:1].upper()}{text[1:]}.") for text in notes_of(study)] or None


def _looks(study: Study) -> h.Node:
    if not study.looks:
        return None
    names = [item.name for item in study.differences]
    rows = [
        (look.seeds, "yes" if look.decided else "no", *(_ends(item) for item in look.intervals))
        for look in study.looks
    ]
    return table(("seeds", "rule met", *names), rows)


def _ends(ends: tuple[float, float] | None) -> str:
    return "none yet" if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}"


def _runs(study: Study, address: str) -> h.Node:
    if not address:
        rows = value_rows(study)
        columns = tuple(rows[0])
        return table(columns, [tuple(row.values()) for row in rows])
    factors = study.values.factors
    links = [
        h.li[
            h.a(href=f"{address}{row.run}/")[row.run.rpartition("-")[2]],
            " ",
            ", ".join(f"{name}={label(at)}" for name, at in zip(factors, row.levels, strict=True)),
            f", seed {row.seed}" if factors else f"seed {row.seed}",
        ]
        for row in study.values.rows
        if row.run
    ]
    return h.ul[links] if links else None
