"""`tasks diffusion optimise RUN --score FILE.py:NAME`: molecules of high score, by fragments that are drawn anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import UsageError

from taskloom_diffusion.verbs.fragments import PairLinks
from taskloom_diffusion.verbs.options import AsJson, Overridden, Seed
from taskloom_diffusion.verbs.output import check_writable

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


def optimise(
    run: Run,
    task: BoundCorpus,
    *,
    score: Annotated[
        str,
        typer.Option(
            help="Your function, FILE.py:NAME or module:NAME; it takes a list of SMILES and returns as many numbers, more is better."
        ),
    ],
    budget: Annotated[
        int, typer.Option(min=1, help="Different molecules that it is asked about.")
    ] = 1000,
    start: Annotated[
        Path | None,
        typer.Option(help="Molecules to begin with, one a line; 200 of training if empty."),
    ] = None,
    lock: Annotated[
        str, typer.Option(help="Part that every molecule must hold, SMILES or SMARTS.")
    ] = "",
    overridden: Overridden = None,
    pair_links: PairLinks = True,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep every score here, as JSON Lines; the same command goes on where it was stopped."
        ),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Search for molecules of high score: fragments of good ones are drawn anew."""
    del overridden
    check_writable("--out", out)
    model: Any = run.load("model")
    found = model.optimise(
        score,
        budget=budget,
        start=None if start is None else _lines(start),
        lock=lock,
        out=out,
        sampler=task.config.sampler,
        seed=seed,
        pair_links=pair_links,
    )
    if as_json:
        best = [vars(entry) for entry in found.best]
        figures = {
            "calls": len(found.archive),
            "auc_top_10": found.auc,
            "free": found.free,
            "best": best,
        }
        typer.echo(json.dumps(figures))
        return
    for entry in found.best:
        typer.echo(f"{entry.score:.6g}  {entry.smiles}")
    typer.echo(found.sentence(), err=True)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--start '{path}' cannot be read: {error}") from None
    return [words[0] for words in map(str.split, text.split("\n")) if words]
