"""`tasks view`: look at the run store in a browser, on this machine only."""

from __future__ import annotations

from typing import Annotated

import typer

from taskloom.cli.annotations import StoreOption


def view(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    store: StoreOption = None,
) -> None:
    """Serve the run store to this machine's browser, read-only, until Ctrl-C."""
    from taskloom.runs.layout import default_store
    from taskloom.view.serve import serve

    def ready(address: str) -> None:
        typer.echo(address)
        typer.echo("Open this address in a browser; Ctrl-C ends the viewer.", err=True)

    serve(default_store(store), port, ready)
