"""`tasks view`: look at the run store in a browser, on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskloom.cli.annotations import StoreOption
from taskloom.errors import UsageError
from taskloom.runs.layout import default_store
from taskloom.view.serve import require_view_extra, serve


def view(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="DIR", help="Write a copy that opens without a server, and end."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="FILTER", help="With --export: the runs to copy."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Serve the run store to this machine's browser, read-only, until Ctrl-C; or write a copy of its pages."""
    if export is not None:
        require_view_extra()
        from taskloom.view import export as copies

        runs, sweeps = copies.export(default_store(store), export, where or [])
        typer.echo(str(export / "index.html"))
        typer.echo(f"{runs} runs and {sweeps} sweeps copied", err=True)
        return
    if where:
        raise UsageError("--where goes with --export; the viewer's page has a filter of its own.")

    def ready(address: str) -> None:
        typer.echo(address)
        typer.echo("Open this address in a browser; Ctrl-C ends the viewer.", err=True)

    serve(default_store(store), port, ready)
