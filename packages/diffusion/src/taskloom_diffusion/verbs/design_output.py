"""Tables and molecule files of designed samples: what was asked for beside what was reached."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from taskloom.errors import UsageError

from taskloom_diffusion.verbs.output import check_writable, write_output

if TYPE_CHECKING:
    from taskloom_diffusion.guidance.designing import Designed
    from taskloom_diffusion.model.told import ToldCondition

ENDINGS = (".csv", ".sdf")


def check_out(path: Path | None) -> None:
    """Refuse a file of another kind than can be written.

    Raises:
        UsageError: Its name ends otherwise, or it cannot be written.
    """
    check_writable("--out", path)
    if path is not None and path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out '{path}' must end in .csv or .sdf")


def rows_of(
    found: Designed, asked: Mapping[str, object], known: Collection[str], seed: int
) -> list[dict[str, Any]]:
    """Return a row for every sequence that passed.

    Args:
        found: The sequences.
        asked: Values that were requested, by name.
        known: The training sequences.
        seed: Of the noise.
    """
    met: set[str] = set()
    rows = []
    for i, text in enumerate(found.made.texts):
        canonical = found.canonical[i]
        row: dict[str, Any] = {
            "text": text,
            "valid": int(found.valid[i]),
            "unique": int(canonical not in met),
            "novel": int(canonical not in known),
        }
        for name, value in asked.items():
            row[f"requested.{name}"] = value
            # What was measured once cannot be measured on a new molecule here.
            row[f"reached.{name}"] = found.reached[i].get(name, "")
        row |= {name: v for name, v in found.reached[i].items() if name not in asked}
        row |= {"log_weight": found.made.log_weights[i], "seed": seed, "number": found.numbers[i]}
        met.add(canonical)
        rows.append(row)
    return rows


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as CSV, or as the molecules of an SDF with the rest as their fields."""
    if path.suffix.lower() == ".csv":
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = io.StringIO()
        lines = csv.DictWriter(table, names, restval="", lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
        write_output("--out", path, table.getvalue())
        return
    from rdkit import Chem  # RDKit is heavy
    from rdkit.Chem import rdDepictor

    text = io.StringIO()
    kept = [row for row in rows if row["valid"]]
    with Chem.SDWriter(text) as writer:
        for row in kept:
            molecule = Chem.MolFromSmiles(row["text"])
            # A reader of SDF expects places; these are of a drawing.
            rdDepictor.Compute2DCoords(molecule)
            for name, value in row.items():
                molecule.SetProp(name, str(value))
            writer.write(molecule)
    write_output("--out", path, text.getvalue())
    if len(kept) < len(rows):
        typer.echo(
            f"{len(rows) - len(kept)} sequences are no molecules, which an SDF cannot hold",
            err=True,
        )


def print_design(
    found: Designed, asked: Mapping[str, object], conditions: Collection[ToldCondition]
) -> None:
    """Print on standard error what was drawn, what passed, and how near it came."""
    for note in found.notes:
        typer.echo(note, err=True)
    drawn = max(found.drawn, 1)
    parts = [
        f"{found.drawn} drawn",
        f"{found.num_valid / drawn:.1%} valid",
        f"{found.passed} passed",
    ]
    if found.dead:
        parts.append(f"{found.dead} that no particle came to")
    for condition in conditions:
        pairs = [row[condition.name] for row in found.reached if condition.name in row]
        if condition.kind != "number" or condition.name not in asked or not pairs:
            continue
        wanted = float(str(asked[condition.name]))
        error = sum(abs(value - wanted) for value in pairs) / len(pairs) / condition.sd
        parts.append(f"{condition.name} {error:.2f} sd from {wanted:g} on average")
    made = found.made
    parts.append(f"{made.mean_calls:.1f} network calls each, {made.cpu_seconds:.2f} CPU seconds")
    typer.echo("; ".join(parts), err=True)
