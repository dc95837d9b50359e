"""A run's page in its parts: the top, the evidence, and what is folded away."""

from __future__ import annotations

from collections.abc import Callable

import htpy as h

from taskloom.errors import RunCorruptError
from taskloom.records.documents import read_lines, read_object
from taskloom.report import sections
from taskloom.report.blocks import note
from taskloom.report.choices import choices_of
from taskloom.report.course import MetricCourse, whole_course
from taskloom.report.domain_blocks import domain_blocks
from taskloom.report.page import Folded
from taskloom.report.parts import arranged
from taskloom.report.top import top
from taskloom.runs.run import Run

_LOUD = ("warning", "error", "critical")


def run_page(
    run: Run, course_of: Callable[[Run], MetricCourse] = whole_course
) -> tuple[str, h.Node, list[tuple[str, h.Node]], list[Folded]]:
    """Return the title, the header, the evidence and the folded parts of a run's page.

    Args:
        run: The run.
        course_of: Function that reads its metric lines.
    """
    environment = _read_environment(run)
    blocks, problem = domain_blocks(run)
    evidence, facts, of_domain = arranged(blocks, run.dir)
    log, has_warning = _log(run)
    choices = choices_of(run)
    course = sections.histories(run, course_of)
    files = len(run.record.artifacts)
    folds = [
        Folded("All numbers", sections.results(run), f"{len(run.metrics):,} metrics"),
        Folded("Course", course if evidence else None),
        *of_domain,
        Folded("Configuration", sections.config(run, choices), sections.config_note(choices)),
        Folded("Files", sections.artifacts(run, blocks), f"{files:,} file{'s' * (files != 1)}"),
        Folded("Output", sections.output(run)),
        Folded("Log", log, "has a warning" if has_warning else "", is_open=has_warning),
        Folded("Environment", sections.surroundings(run, environment)),
        Folded("As it was called", sections.called(run)),
    ]
    title = f"{run.domain} {run.task} \u00b7 {run.id}"
    # Of a task without a section of its own, the curves are all the evidence there is.
    shown = [*(evidence or ([course] if course else [])), *([note(problem)] if problem else [])]
    return title, top(run, choices, facts), [("Evidence", shown)], folds


def _log(run: Run) -> tuple[h.Node, bool]:
    """Return the end of the log, and whether it has a warning."""
    try:
        lines = list(read_lines(run.dir, run.layout.log.name))
    except RunCorruptError as error:
        return note(f"The log cannot be read: {error.reason}."), True
    return sections.log(lines), any(line.get("level") in _LOUD for line in lines)


def _read_environment(run: Run) -> dict[str, object]:
    try:
        return read_object(run.dir, run.layout.environment.name)
    except RunCorruptError:  # the run died before it was written
        return {}
