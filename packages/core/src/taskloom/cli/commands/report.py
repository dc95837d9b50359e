"""`tasks report RUN...`: write the report of a run again, or a comparison of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskloom.cli.annotations import StoreOption
from taskloom.errors import RunNotFoundError, UsageError
from taskloom.report.write import write_comparison, write_report
from taskloom.runs.layout import default_store
from taskloom.runs.run import Run, open_run
from taskloom.sweeps.answers import finished_of
from taskloom.sweeps.record import LAST, find_sweep


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Runs, or a sweep; several runs are set side by side."
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write the page."),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Charts with tooltips and zoom; 1 MB more.")
    ] = False,
    reference: Annotated[
        str,
        typer.Option(
            "--reference", metavar="NAME", help="Variant that the others are held against: 'none'."
        ),
    ] = "",
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            help="Also write every figure as CSV and SVG, and every table as CSV, LaTeX and Markdown.",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write the report of a run, or a comparison of several, as one self-contained page."""
    place = default_store(store)
    missing: list[str] = []
    opened = [run for name in runs for run in _named(name, place, missing)]
    if len(opened) == 1:
        if reference:
            raise UsageError("--reference is for a comparison, and there is one run.")
        written = write_report(opened[0], output, interactive=interactive, figures=figures)
    else:
        written = write_comparison(
            opened,
            output or Path("comparison.html"),
            interactive=interactive,
            figures=figures,
            reference=reference,
            missing=" ".join(missing),
        )
    typer.echo(str(written))


def _named(name: str, store: Path, missing: list[str]) -> list[Run]:
    """Return the run of this name, or the finished runs of the sweep of this name.

    Args:
        name: A run or a sweep.
        store: The store.
        missing: Sentences about points that are not there; one is added for a sweep that is not whole.

    Raises:
        RunNotFoundError: There is neither.
        UsageError: No point of the sweep is finished.
    """
    folder = find_sweep(name, store)
    if folder is None:
        if name == LAST:
            raise RunNotFoundError(f"The store {store} holds no sweep.")
        return [open_run(name, store)]
    found, lacking = finished_of(folder)
    if not found:
        raise UsageError(f"No point of the sweep {folder.name} is finished yet.")
    missing += [lacking] if lacking else []
    return found
