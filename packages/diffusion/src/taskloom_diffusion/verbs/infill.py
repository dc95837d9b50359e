"""`tasks diffusion infill RUN TEMPLATE`: complete a template around its known tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.verbs.options import AsJson, NumSamples, Overridden, Seed, is_set
from taskloom_diffusion.verbs.output import print_generated

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


def infill(
    run: Run,
    task: BoundCorpus,
    template: Annotated[
        str, typer.Argument(help="Known text with gaps: [MASK] is one token, [MASK]{8} are eight.")
    ],
    *,
    num: NumSamples = 10,
    overridden: Overridden = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Complete a template, by the sampler first_hitting unless another is chosen; known tokens never move."""
    from taskloom_diffusion.evaluation.sampling import complete  # torch is heavy
    from taskloom_diffusion.evaluation.template import parse_template  # torch is heavy
    from taskloom_diffusion.evaluation.trained import trained_model  # torch is heavy

    model = trained_model(run).model
    ids = parse_template(template, model)
    # Of all samplers this one draws from the model's law given what is known.
    sampler = task.config.sampler if is_set("sampler", overridden) else FirstHitting()
    made = complete(model, sampler, [ids] * num, seed=seed, batch_size=250)
    if not model.diffusion_process.absorbing:
        typer.echo(
            "this model's noise is not the mask: known tokens are held, but completions have its law given them only nearly",
            err=True,
        )
    print_generated("completions", made, sampler, seed, as_json=as_json)
