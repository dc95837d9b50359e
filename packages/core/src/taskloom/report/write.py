"""From a run to its `report.html`, and from several runs to a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import MissingExtraError, UsageError
from taskloom.runs.writer import atomic_write
from taskloom.secrets.redaction import IN_CONFIGS

if TYPE_CHECKING:
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
    from taskloom.report.run_page import run_page

    target = output if output is not None else run.layout.report
    # A section of a domain may have read what only the task wrote.
    title, header, evidence, folds = run_page(run)
    document = page(title, header, evidence, folds=folds, moving=interactive)
    atomic_write(target, IN_CONFIGS.text(document))
    return target


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
