"""`tasks report RUN...`: write the report of a run again, or a comparison of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskloom.cli.annotations import StoreOption


def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Runs; several are set side by side.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write the page."),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Charts with tooltips and zoom; 1 MB more.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Write the report of a run, or a comparison of several, as one self-contained page."""
    from taskloom.report.write import write_comparison, write_report
    from taskloom.runs.layout import default_store
    from taskloom.runs.run import open_run

    place = default_store(store)
    opened = [open_run(name, place) for name in runs]
    if len(opened) == 1:
        written = write_report(opened[0], output, interactive=interactive)
    else:
        written = write_comparison(
            opened, output or Path("comparison.html"), interactive=interactive
        )
    typer.echo(str(written))
