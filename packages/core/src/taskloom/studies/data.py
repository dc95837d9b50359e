"""A study as data: rows for frames and CSV, and one JSON document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from taskloom.statistics.intervals import Interval
from taskloom.studies.analysis import LevelComparison
from taskloom.studies.cells import StudyCell
from taskloom.studies.tables import StudyFacts, notes_of
from taskloom.studies.values import Level


def cell_rows(cells: Sequence[StudyCell]) -> list[dict[str, Any]]:
    """Return one row of data for each combination."""
    return [
        {
            **{name: _plain(level) for name, level in cell.levels.items()},
            **_data(cell.interval),
            "planned": cell.planned,
            "mark": cell.mark,
            "notes": [word for word in (cell.note, cell.warning, *cell.interval.notes) if word],
        }
        for cell in cells
    ]


def comparison_rows(found: Sequence[LevelComparison]) -> list[dict[str, Any]]:
    """Return one row of data for each comparison."""
    return [
        {
            "factor": item.factor,
            "first": _plain(item.first),
            "second": _plain(item.second),
            "first_mean": item.first_mean,
            "second_mean": item.second_mean,
            **_data(item.interval),
            "family_low": item.family.low,
            "family_high": item.family.high,
            "family_level": item.family.level,
            "test": item.test,
            "p": item.p,
            "adjusted_p": item.adjusted_p,
            "outcome": item.outcome,
            "verdict": item.words,
            "notes": list(item.interval.notes),
        }
        for item in found
    ]


def _data(interval: Interval) -> dict[str, Any]:
    estimate = interval.estimate if math.isfinite(interval.estimate) else None
    return {
        "estimate": estimate,
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "n": interval.n,
        "method": interval.method,
        "no_interval": interval.no_interval,
    }


def _plain(level: Level) -> Level:
    return None if isinstance(level, str) and not level else level


def value_rows(study: StudyFacts) -> list[dict[str, Any]]:
    """Return one row of data for each run: its levels, seed, value and id, or why it has no value."""
    values = study.values
    return [
        {
            **{name: _plain(at) for name, at in zip(values.factors, row.levels, strict=True)},
            "seed": row.seed,
            "value": row.value,
            "reason": row.reason,
            "run": row.run,
        }
        for row in values.rows
    ]


def document(study: StudyFacts) -> dict[str, Any]:
    """Return a study as JSON values."""
    return {
        "study": study.id,
        "metric": study.question.metric,
        "level": study.question.level,
        "correct": "bonferroni" if study.is_looked_at else study.question.correct,
        "seeds": list(study.values.seeds),
        "cells": cell_rows(study.table),
        "levels": cell_rows(study.levels),
        "comparisons": comparison_rows(study.differences),
        "missing": [row for row in value_rows(study) if row["value"] is None],
        "looks": [item.to_json() for item in study.looks],
        "until": study.question.until,
        "g": study.question.g,
        "notes": notes_of(study),
        "exit_code": int(study.exit_code),
    }


def csv_rows(study: StudyFacts) -> list[dict[str, Any]]:
    """Return one flat row for each combination and each comparison."""
    cells = [{"row": "cell", **row} for row in cell_rows(study.table)]
    compared = [{"row": "comparison", **row} for row in comparison_rows(study.differences)]
    return [{**row, "notes": "; ".join(row["notes"])} for row in [*cells, *compared]]
