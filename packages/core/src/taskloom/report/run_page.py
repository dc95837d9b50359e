"""A run's page in its parts: the top, the evidence, and what is folded away."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import htpy as h

from taskloom.errors import RunCorruptError, TaskloomError
from taskloom.records.documents import read_lines, read_object
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import find_domain
from taskloom.report import sections
from taskloom.report.blocks import note
from taskloom.report.choices import choices_of
from taskloom.report.model import Block
from taskloom.report.page import Folded
from taskloom.report.parts import arranged
from taskloom.report.top import top
from taskloom.runs.run import Run

_LOUD = ("warning", "error", "critical")


def run_page(run: Run) -> tuple[str, h.Node, list[tuple[str, h.Node]], list[Folded]]:
    """Return the title, the header, the evidence and the folded parts of a run's page."""
    environment = _read_environment(run)
    blocks, problem = domain_blocks(run)
    evidence, facts, of_domain = arranged(blocks, run.dir)
    log, has_warning = _log(run)
    choices = choices_of(run)
    course = sections.histories(run)
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


def domain_blocks(run: Run) -> tuple[list[Block], str]:
    """Return what the run's domain has to say about it, and a sentence if it failed to."""
    try:
        ref = find_domain(run.domain).ref
        if not ref.report or _is_foreign(run, ref.metrics):
            return [], ""
        report = load_target(ref.report)
        blocks = list(report(run))  # type: ignore[operator]  # checked by calling: a plugin's function
    except TaskloomError as error:
        return [], f"The section of the domain is left out: {error.message}"
    except Exception as error:  # a plugin's report must not take the page away
        return [], f"The section of the domain is left out: {type(error).__name__}: {error}"
    return blocks, ""


def _is_foreign(run: Run, names: Sequence[str]) -> bool:
    """Return whether a run has results and none that the domain's driver reports: its task ran itself."""
    known = any(fnmatchcase(metric, name) for metric in run.metrics for name in names)
    return bool(names) and bool(run.metrics) and not known


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
