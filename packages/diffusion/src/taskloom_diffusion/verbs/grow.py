"""`tasks diffusion grow RUN MOLECULE`: let something grow on a molecule, at points that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

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


def grow(
    run: Run,
    task: BoundCorpus,
    molecule: Annotated[str, typer.Argument(help="SMILES without points.")],
    *,
    num: NumSamples = 10,
    overridden: Overridden = None,
    tries: Tries = 10,
    gap_length: GapLength = "histogram",
    pair_links: PairLinks = True,
    out: Out = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Grow a molecule where hydrogens are: every molecule that is printed holds it as it was given."""
    del overridden
    check_writable("--out", out)
    model: Any = run.load("model")
    options = options_of(seed, tries, gap_length, pair_links)
    filled = model.grow(molecule, num, sampler=task.config.sampler, **options)
    print_filled(filled, out, as_json=as_json)
