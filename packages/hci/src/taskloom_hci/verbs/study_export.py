"""`tasks hci study-export RUN`: the tables of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import StoreError
from taskloom.runs.run import Run

from taskloom_hci.recordings.export import export, pilots_of


def study_export(
    run: Run,
    *,
    out: Annotated[Path, typer.Option("--out", help="A folder, made if there is none.")],
    pilots: Annotated[bool, typer.Option("--pilots", help="Write pilots too.")] = False,
    practice: Annotated[bool, typer.Option("--practice", help="Write practice too.")] = False,
) -> None:
    """Write games, people and answers of a study as tables, playing every game again."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The folder '{out}' of --out cannot be made: {error.strerror}.") from None
    for name in export(run.dir, out, pilots=pilots, practice=practice):
        typer.echo(str(out / name))
    left = 0 if pilots else pilots_of(run.dir)
    if left:
        typer.echo(f"note: {left} pilots are left out; --pilots writes them too", err=True)
