"""`tasks diffusion infill RUN TEMPLATE`: complete a template around its known tokens, or each one of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.errors import UsageError

from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.verbs.options import AsJson, NumSamples, Overridden, Seed, Uncut, is_set
from taskloom_diffusion.verbs.output import print_generated

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


def infill(
    run: Run,
    task: BoundCorpus,
    template: Annotated[
        str, typer.Argument(help="Known text with gaps: [MASK] is one token, [MASK]{8} are eight.")
    ] = "",
    *,
    file: Annotated[
        Path | None,
        typer.Option(help="Templates, in any format that the task 'file' reads, instead of one."),
    ] = None,
    column: Annotated[
        str, typer.Option(help="Column of a table of templates, or field of JSON Lines.")
    ] = "",
    uncut: Uncut = "leave_out",
    num: NumSamples = 10,
    overridden: Overridden = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Complete a template, by the sampler first_hitting unless another is chosen; known tokens never move."""
    if bool(template) == (file is not None):
        raise UsageError("give one TEMPLATE, such as 'CC[MASK]{4}O', or --file PATH with templates")
    from taskloom_diffusion.evaluation import completion  # torch is heavy
    from taskloom_diffusion.evaluation.trained import model_of_run  # torch is heavy

    model = model_of_run(run)
    # Of all samplers this one draws from the model's law given what is known.
    sampler = task.config.sampler if is_set("sampler", overridden) else FirstHitting()
    if not model.diffusion_process.absorbing:
        typer.echo(
            "this model's noise is not the mask: known tokens are held, but completions have its law given them only nearly",
            err=True,
        )
    if file is None:
        made = completion.complete_one(model, sampler, template, num=num, seed=seed)
        print_generated("completions", made, sampler, seed, as_json=as_json)
        return
    done = completion.complete_file(
        model, sampler, file, column, task.config, num=num, seed=seed, refuse=uncut == "refuse"
    )
    if done.left_out:
        typer.echo(done.left_out, err=True)
    if as_json:
        figures = {
            "completions": done.rows,
            "lines": done.tally.lines,
            "left_out": done.tally.counts,
            "sampler": sampler.model_dump(mode="json"),
            "seed": seed,
        }
        typer.echo(json.dumps(figures))
        return
    for row in done.rows:
        others = "".join(f"  {name}={value}" for name, value in row["columns"].items())
        for text in row["texts"]:
            typer.echo(f"{text}{others}")
    typer.echo(f"{num} completions of each of {len(done.rows)} templates", err=True)
