"""`tasks list` as Typer sees it: help, and command lines that the fast path leaves to be judged."""

from __future__ import annotations

from typing import Annotated

import typer

from taskloom.cli.catalogue import list_tasks


def list_(
    domain: Annotated[str | None, typer.Argument(help="Only this domain.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the installed domains and tasks."""
    list_tasks(domain, as_json)
