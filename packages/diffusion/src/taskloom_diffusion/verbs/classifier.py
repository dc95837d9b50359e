"""`tasks diffusion classifier RUN --column=activity`: a classifier of noised sequences, for guidance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import UsageError
from taskloom.registry.isolate import load_target

from taskloom_diffusion.verbs.options import AsJson, Seed

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


def classifier(
    run: Run,
    task: BoundCorpus,
    *,
    column: Annotated[str, typer.Option(help="Column of the run's file, or rdkit:NAME, whose classes are told apart.")] = "",
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to write it into.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 500,
    width: Annotated[int, typer.Option(min=8, help="Width of the network.")] = 64,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train p(class | noised sequence) on the corpus and the noise of a run."""
    if not column or to is None:
        raise UsageError("give --column=NAME and --to=DIR")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"--to '{to}' exists already; give a new folder")
    # torch is heavy.
    train: Any = load_target("taskloom_diffusion.guidance.classifier:train_classifier")
    judged: Any = load_target("taskloom_diffusion.guidance.classifier:judged_classifier")
    prepare: Any = load_target("taskloom_diffusion.training.preparation:prepare")
    model = run.load("model")
    config = task.config.model_copy(update={"condition": f"{column.removesuffix(':class')}:class"})
    prepared = prepare(replace(task, config=config), model.tokenizer)
    (told,) = prepared.conditions
    classes = list(told.classes)
    kept = train(model, prepared.train, classes, steps=steps, width=width, seed=seed)
    kept.save(to)
    figures = judged(kept, model, prepared.test)
    if as_json:
        typer.echo(json.dumps({"classes": list(kept.classes), **figures}))
        return
    typer.echo(f"written: {to}, classes {', '.join(kept.classes)}", err=True)
    if figures:
        typer.echo(
            f"right on {figures['accuracy']:.1%} of {figures['held_out']:.0f} held-out sequences; the commonest class has "
            f"{figures['commonest']:.1%}"
        )
