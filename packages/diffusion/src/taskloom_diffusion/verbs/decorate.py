"""`tasks diffusion decorate RUN SCAFFOLD`: let something grow at the points of a scaffold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import UsageError

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

    from taskloom_diffusion.training.preparation import BoundCorpus


def decorate(
    run: Run,
    task: BoundCorpus,
    scaffold: Annotated[
        str, typer.Argument(help="SMILES, * where something may grow: *c1ccccc1, [*:1]CC[*:2].")
    ],
    *,
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
    places = atom_numbers(atoms)
    model: Any = run.load("model")
    options = options_of(seed, tries, gap_length, pair_links)
    filled = model.decorate(
        scaffold, num, atoms=places, lock=lock, sampler=task.config.sampler, **options
    )
    print_filled(filled, out, as_json=as_json)


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
