"""From a run to its `report.html`, and from several runs to a comparison."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import MissingExtraError, UsageError
from taskloom.runs.writer import atomic_write
from taskloom.secrets.redaction import IN_CONFIGS

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_LINK = re.compile(r'<a download="([^"]+)" href="data:[a-z/+-]+;base64,([^"]+)"')
_NEEDED = ("htpy", "vl_convert")


def write_report(
    run: Run,
    output: Path | None = None,
    *,
    interactive: bool = False,
    figures: Path | None = None,
) -> Path:
    """Write the report of a run.

    A domain's section that cannot be made becomes a note in the page; the page itself is always written.

    Args:
        run: The run; it may still be running.
        output: Where to write; `report.html` in the run's folder by default.
        interactive: Whether charts answer to the mouse; the page is a megabyte larger.
        figures: Folder for every figure and table of the page; None for none.

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
    return _written(document, target, figures)


def write_comparison(
    runs: Sequence[Run],
    output: Path,
    *,
    interactive: bool = False,
    figures: Path | None = None,
    reference: str = "",
    missing: str = "",
) -> Path:
    """Write a page that sets runs side by side: what differs, which is best, by how much.

    Args:
        runs: The runs.
        output: Where to write.
        interactive: Whether charts answer to the mouse.
        figures: Folder for every figure and table of the page; None for none.
        reference: Name of the variant that the others are held against; empty takes the plainest.
        missing: Sentence about points that are not there; or empty.

    Returns:
        The file.

    Raises:
        UnknownNameError: There is no such variant.
        MissingExtraError: The extra `report` is not installed.
        StoreError: The file cannot be written.
        UsageError: There are fewer than two runs.
    """
    if len(runs) < 2:
        raise UsageError(f"A comparison needs at least two runs, not {len(runs)}.")
    require_extra()
    from taskloom.report.compare import comparison_page
    from taskloom.report.page import page

    title, header, sections, folds = comparison_page(runs, reference=reference, missing=missing)
    content = page(title, header, sections, folds=folds, moving=interactive)
    return _written(content, output, figures)


def write_figures(page: str, folder: Path) -> list[Path]:
    """Write every file that a page holds into a folder.

    Args:
        page: The document.
        folder: Where to; made if it is missing.

    Returns:
        The files.

    Raises:
        StoreError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, content in _LINK.findall(page):
        stem, dot, suffix = name.rpartition(".")
        target, number = folder / name, 2
        while target in written:
            target, number = folder / f"{stem}-{number}{dot}{suffix}", number + 1
        atomic_write(target, base64.b64decode(content).decode())
        written.append(target)
    return written


def _written(document: str, target: Path, figures: Path | None) -> Path:
    text = IN_CONFIGS.text(document)
    atomic_write(target, text)
    if figures is not None:
        write_figures(text, figures)
    return target


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
