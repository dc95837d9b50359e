"""`tasks diffusion decorate RUN SCAFFOLD`: let something grow at the points of a scaffold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.corpora.rows import rows_of
from taskloom_diffusion.verbs.fragments import (
    GapLength,
    Out,
    PairLinks,
    Tries,
    options_of,
    print_filled,
)
from taskloom_diffusion.verbs.options import AsJson, NumSamples, Overridden, Seed
from taskloom_diffusion.verbs.output import check_writable

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.fragments.filling import FilledRows
    from taskloom_diffusion.training.preparation import BoundCorpus


def decorate(
    run: Run,
    task: BoundCorpus,
    scaffold: Annotated[
        str, typer.Argument(help="SMILES, * where something may grow: *c1ccccc1, [*:1]CC[*:2].")
    ] = "",
    *,
    file: Annotated[
        Path | None,
        typer.Option(help="Scaffolds, in any format that the task 'file' reads, instead of one."),
    ] = None,
    column: Annotated[
        str, typer.Option(help="Column of a table of scaffolds, or field of JSON Lines.")
    ] = "",
    num: NumSamples = 10,
    atoms: Annotated[
        str, typer.Option(help="Atoms where something may grow, from 0, instead of *: 1,4.")
    ] = "",
    lock: Annotated[
        str,
        typer.Option(help="Part of a molecule that stays, SMILES or SMARTS; the rest is drawn."),
    ] = "",
    overridden: Overridden = None,
    tries: Tries = 10,
    gap_length: GapLength = "model",
    pair_links: PairLinks = True,
    out: Out = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Decorate a scaffold: every molecule that is printed holds it as it was given."""
    del overridden
    check_writable("--out", out)
    if bool(scaffold) == (file is not None):
        raise UsageError("give one SCAFFOLD, such as '*c1ccccc1', or --file PATH with scaffolds")
    places = atom_numbers(atoms)
    model: Any = run.load("model")
    options = options_of(seed, tries, gap_length, pair_links)

    def drawn(smiles: str) -> FilledRows:
        made: FilledRows = model.decorate(
            smiles, num, atoms=places, lock=lock, sampler=task.config.sampler, **options
        )
        return made

    if file is None:
        print_filled(drawn(scaffold), out, as_json=as_json)
        return
    done, complaints, lines = of_file(file, column, drawn)
    if complaints:
        first = "; ".join(complaints[:3])
        typer.echo(f"left out {len(complaints)} of {lines} lines of '{file}': {first}", err=True)
    print_filled(done, out, as_json=as_json)


def of_file(
    path: Path, column: str, drawn: Callable[[str], FilledRows]
) -> tuple[FilledRows, list[str], int]:
    """Return what is drawn on every scaffold of a file, a sentence about each line that is none, and the number of lines.

    Raises:
        UsageError: The file cannot be read.
    """
    whole: FilledRows | None = None
    complaints: list[str] = []
    lines = 0
    try:
        for row in rows_of(path, column, names=True):
            lines += 1
            try:
                if row.fault or not row.text:
                    raise UsageError(row.fault or "empty")
                made = drawn(row.text)
            except UsageError as error:
                complaints.append(f"line {row.line}: {error.message}")
                continue
            whole = made if whole is None else whole.and_then(made)
    except ConfigError as error:
        raise UsageError(error.message.replace("path: ", "--file ", 1)) from None
    if whole is None:
        raise UsageError(
            f"--file: none of {lines} lines of '{path}' can be decorated; {'; '.join(complaints[:3])}"
        )
    return whole, complaints, lines


def atom_numbers(text: str) -> list[int]:
    """Return the numbers of atoms that an option lists.

    Raises:
        UsageError: One is no number.
    """
    words = [word.strip() for word in text.split(",")] if text else []
    for word in words:
        if not word.isdigit():
            raise UsageError(f"--atoms '{text}': '{word}' is no number of an atom; write 1,4")
    return [int(word) for word in words]
