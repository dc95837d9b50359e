"""`tasks diffusion link RUN A B`: draw a linker between two fragments."""

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


def link(
    run: Run,
    task: BoundCorpus,
    first: Annotated[str, typer.Argument(help="SMILES of a fragment with one *.")],
    second: Annotated[str, typer.Argument(help="SMILES of the other.")],
    *,
    num: NumSamples = 10,
    overridden: Overridden = None,
    tries: Tries = 10,
    gap_length: GapLength = "model",
    pair_links: PairLinks = True,
    out: Out = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Link two fragments: every molecule that is printed holds both as they were given."""
    del overridden
    check_writable("--out", out)
    model: Any = run.load("model")
    options = options_of(seed, tries, gap_length, pair_links)
    filled = model.link(first, second, num, sampler=task.config.sampler, **options)
    print_filled(filled, out, as_json=as_json)
