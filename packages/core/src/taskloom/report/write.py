"""From a run to its `report.html`, and from several runs to a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import MissingExtraError, RunCorruptError, TaskloomError, UsageError
from taskloom.records.documents import read_lines, read_object
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import find_domain
from taskloom.runs.writer import atomic_write
from taskloom.secrets.redaction import IN_CONFIGS

if TYPE_CHECKING:
    import htpy as h

    from taskloom.report.model import Block
    from taskloom.runs.run import Run

_NEEDED = ("htpy", "vl_convert")


def write_report(run: Run, output: Path | None = None, *, interactive: bool = False) -> Path:
    """Write the report of a run.

    A domain's section that cannot be made becomes a note in the page; the page itself is always written.

    Args:
        run: The run; it may still be running.
        output: Where to write; `report.html` in the run's folder by default.
        interactive: Whether charts answer to the mouse; the page is a megabyte larger.

    Returns:
        The file.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        StoreError: The file cannot be written.
    """
    require_extra()
    from taskloom.report.page import page

    target = output if output is not None else run.layout.report
    # A section of a domain may have read what only the task wrote.
    atomic_write(target, IN_CONFIGS.text(page(*run_page(run), moving=interactive)))
    return target


def run_page(run: Run) -> tuple[str, h.Node, list[tuple[str, h.Node]]]:
    """Return the title, the header and the sections of a run's page."""
    from taskloom.report import sections
    from taskloom.report.blocks import note, render_blocks

    environment = _read_environment(run)
    blocks, problem = domain_blocks(run)
    detail = [render_blocks(blocks, run.dir), problem and note(problem)]
    parts: list[tuple[str, h.Node]] = [
        ("Results", sections.results(run)),
        ("In detail", detail if blocks or problem else None),
        ("Metrics over time", sections.histories(run)),
        ("Config", sections.config(run)),
        ("Artifacts", sections.artifacts(run, blocks)),
        ("Output", sections.output(run)),
        ("Log", _log(run)),
        ("Environment", sections.surroundings(environment)),
        ("Run it again", sections.again(run)),
    ]
    title = f"{run.domain} {run.task} \u00b7 {run.id}"
    return title, sections.head(run, environment), parts


def write_comparison(runs: Sequence[Run], output: Path, *, interactive: bool = False) -> Path:
    """Write a page that sets runs side by side: results, what differs in their configs, histories.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        StoreError: The file cannot be written.
        UsageError: There are fewer than two runs.
    """
    if len(runs) < 2:
        raise UsageError(f"A comparison needs at least two runs, not {len(runs)}.")
    require_extra()
    from taskloom.report import compare
    from taskloom.report.page import page

    title = f"{len(runs)} runs compared"
    content = page(title, compare.head(runs), compare.parts(runs), moving=interactive)
    atomic_write(output, content)
    return output


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


def require_extra() -> None:
    """Refuse to write a page where what draws it is not installed.

    Raises:
        MissingExtraError: So it is; the message holds the line that installs it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"A report needs {' and '.join(missing)}, not installed here: pip install 'taskloom[report]'"
        )


def _log(run: Run) -> h.Node:
    from taskloom.report import sections
    from taskloom.report.blocks import note

    try:
        return sections.log(list(read_lines(run.dir, run.layout.log.name)))
    except RunCorruptError as error:
        return note(f"The log cannot be read: {error.reason}.")


def _read_environment(run: Run) -> dict[str, object]:
    try:
        return read_object(run.dir, run.layout.environment.name)
    except RunCorruptError:  # the run died before it was written
        return {}
