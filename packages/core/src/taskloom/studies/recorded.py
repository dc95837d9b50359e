"""Studies of runs that exist: of a study's record, and of sweeps that were made without a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskloom.errors import UsageError
from taskloom.records.checks import decode_number
from taskloom.runs import index
from taskloom.runs.compare import spelled
from taskloom.runs.rows import with_status
from taskloom.studies.points import factors_of, place_of
from taskloom.studies.question import StudyQuestion
from taskloom.studies.record import StudyRecord, is_study, read_study
from taskloom.studies.study import Study
from taskloom.studies.values import Levels, StudyRow, StudyValues, measured
from taskloom.sweeps.record import SweepRecord, read_sweep


@dataclass(frozen=True, slots=True)
class _Points:
    """Points of sweeps: the factors, and identity, levels and seed of each."""

    factors: tuple[str, ...]
    rows: list[tuple[str, Levels, int]]


def open_study(folder: Path) -> Study:
    """Return a study as its record and its runs tell it now; nothing is run.

    Args:
        folder: Its folder.

    Raises:
        RunCorruptError: Its record is missing or damaged.
        UnknownNameError: The runs have no such metric.
        UsageError: The comparison cannot be made of the runs that there are.
    """
    record, sweep = read_study(folder), read_sweep(folder)
    rows = _answers(folder.parent, [point.identity for point in record.points])
    found = [
        _row(point.levels, point.seed, rows.get(point.identity), record.question)
        for point in record.points
    ]
    values = StudyValues(record.factors, tuple(found))
    return Study(
        values,
        record.question,
        folder.name,
        f"{sweep.domain}/{sweep.task}",
        record.looks,
        folder=folder,
    ).checked()


def study_of_sweeps(folders: Sequence[Path], question: StudyQuestion) -> Study:
    """Return the study of sweeps that exist; nothing is run.

    The factors are the parameters that vary between the points; those that only follow from the choice of a component are left
    out. The factors of a study's own sweep are those that it was made with.

    Args:
        folders: The sweeps' folders.
        question: What is asked.

    Raises:
        RunCorruptError: A record is missing or damaged.
        UsageError: The sweeps are of different tasks, or two of their points have the same levels and seed.
        UnknownNameError: A factor or a metric does not exist.
    """
    sweeps = [read_sweep(folder) for folder in folders]
    tasks = sorted({f"{sweep.domain}/{sweep.task}" for sweep in sweeps})
    if len(tasks) > 1:
        raise UsageError(f"A study is of one task, and these sweeps are of {' and '.join(tasks)}.")
    if len(folders) == 1 and is_study(folders[0]):
        points = _of_record(read_study(folders[0]))
    else:
        points = _of_sweeps(sweeps)
    answers: dict[str, dict[str, Any]] = {}
    for folder in folders:
        answers |= _answers(folder.parent, [identity for identity, _, _ in points.rows])
    rows = [
        _row(levels, seed, answers.get(identity), question)
        for identity, levels, seed in points.rows
    ]
    values = StudyValues(points.factors, tuple(rows))
    name = folders[0].name if len(folders) == 1 else ""
    return Study(values, question, name, tasks[0]).checked()


def _of_record(record: StudyRecord) -> _Points:
    rows = [(point.identity, point.levels, point.seed) for point in record.points]
    return _Points(record.factors, rows)


def _of_sweeps(sweeps: Sequence[SweepRecord]) -> _Points:
    points = {point.identity: point for sweep in sweeps for point in sweep.points}
    factors = factors_of(list(points.values()))
    rows = [(identity, *place_of(point, factors)) for identity, point in points.items()]
    # By seed, so that the order of the sweeps changes nothing.
    return _Points(factors, sorted(rows, key=lambda row: row[2]))


def _answers(store: Path, identities: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the newest row of each identity, a finished one before any other."""
    found: dict[str, dict[str, Any]] = {}
    for indexed in index.having(store, "identity", dict.fromkeys(identities)):
        row = with_status(store, indexed)
        before = found.get(row["identity"])
        if before is None or (before["status"] != "finished" and row["status"] == "finished"):
            found[row["identity"]] = row
    return found


def _row(
    levels: Levels, seed: int, row: Mapping[str, Any] | None, question: StudyQuestion
) -> StudyRow:
    if row is None:
        return StudyRow(levels, seed, None, "it has no run yet")
    if row["status"] != "finished":
        return StudyRow(levels, seed, None, f"the run is {row['status']}", run=row["id"])
    metrics = {name: decode_number(value) for name, value in row["metrics"].items()}
    return measured(levels, seed, metrics, spelled(row["config"]), question=question, run=row["id"])
