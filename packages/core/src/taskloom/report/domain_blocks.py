"""Blocks that a domain makes of its runs: of one for its page, of several for their comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from taskloom.errors import TaskloomError
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import find_domain
from taskloom.report.model import Block
from taskloom.runs.run import Run

MOST_COMPARED = 8
"""Runs on shared axes: as many as there are colours that can be told apart."""


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


def compared_blocks(runs: Mapping[str, Run]) -> tuple[list[Block], str]:
    """Return what the domain draws of several runs on shared axes, and a sentence if it failed to.

    Args:
        runs: Runs by name; nothing is drawn of several tasks or of more than eight runs.
    """
    first = next(iter(runs.values()))
    if len({(run.domain, run.task) for run in runs.values()}) > 1 or len(runs) < 2:
        return [], ""
    try:
        ref = find_domain(first.domain).ref
        if not ref.compare or _is_foreign(first, ref.metrics):
            return [], ""
        if len(runs) > MOST_COMPARED:
            return [], f"More than {MOST_COMPARED} variants are not drawn on shared axes."
        compare = load_target(ref.compare)
        blocks = list(compare(runs))  # type: ignore[operator]  # checked by calling: a plugin's function
    except TaskloomError as error:
        return [], f"The charts of the domain are left out: {error.message}"
    except Exception as error:  # a plugin's charts must not take the page away
        return [], f"The charts of the domain are left out: {type(error).__name__}: {error}"
    return blocks, ""


def _is_foreign(run: Run, names: Sequence[str]) -> bool:
    """Return whether a run has results and none that the domain's driver reports: its task ran itself."""
    known = any(fnmatchcase(metric, name) for metric in run.metrics for name in names)
    return bool(names) and bool(run.metrics) and not known
