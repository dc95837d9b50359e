"""Options of the verbs that complete molecules around fragments, and what they print."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from taskloom_diffusion.verbs.output import write_output

if TYPE_CHECKING:
    from taskloom_diffusion.fragments.filling import FilledRows

Tries: TypeAlias = Annotated[
    int, typer.Option(min=1, help="Draws of a molecule until one holds what was given.")
]
GapLength: TypeAlias = Annotated[
    str,
    typer.Option(
        "--gap_length",
        help="Tokens that are drawn: model (by its own law), histogram (of training), a number, or a range such as 8-15.",
    ),
]
PairLinks: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--pair_links/--no-pair_links",
        help="Draw no token after which links cannot come in pairs or fragments not be joined: more molecules hold what was given, under another law.",
    ),
]
Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Write a table: the molecule, what grew at each point, draws, weight (.csv)."
    ),
]


def options_of(seed: int, tries: int, gap_length: str, pair_links: bool) -> dict[str, Any]:
    """Return the options of a design as the model's methods take them."""
    return {"seed": seed, "tries": tries, "gap_length": gap_length, "pair_links": pair_links}


def print_filled(filled: FilledRows, out: Path | None, *, as_json: bool) -> None:
    """Print molecules, a line each, and on standard error what it took; or all of it as one JSON object."""
    if out is not None:
        write_output("--out", out, table_of(filled))
    if as_json:
        rows = [vars(row) for row in filled.rows]
        typer.echo(json.dumps({**filled.figures(), "molecules": rows}))
        return
    for row in filled.rows:
        typer.echo(row.smiles)
    typer.echo(filled.sentence(), err=True)


def table_of(filled: FilledRows) -> str:
    """Return molecules as CSV, a column for each point."""
    points = list(dict.fromkeys(label for row in filled.rows for label in row.grown))
    table = io.StringIO()
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(
        ("row", "smiles", *(f"at_{p}" for p in points), "given", "gap", "draws", "log_weight")
    )
    for row in filled.rows:
        grown = (row.grown.get(point, "") for point in points)
        lines.writerow((row.row, row.smiles, *grown, row.given, row.gap, row.draws, row.log_weight))
    return table.getvalue()
