"""`tasks runs prune`: remove what a store keeps beside its runs and can do without."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from taskloom.cli.annotations import AsJson, StoreOption
from taskloom.cli.output import print_json, print_table
from taskloom.identity.prune import prune as prune_store
from taskloom.runs.layout import default_store

_MIB = 2**20


def prune(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Remove nothing; show what would go.")
    ] = False,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Remove sources that no run names any more, runs that were removed, and caches; no run is touched."""
    found = prune_store(default_store(store), dry=dry_run)
    if as_json:
        print_json({"removed": not dry_run, "folders": [asdict(item) for item in found]})
        return
    rows = [(item.name, str(item.files), f"{item.size / _MIB:.1f} MiB") for item in found]
    print_table(("folder", "files", "size"), rows)
