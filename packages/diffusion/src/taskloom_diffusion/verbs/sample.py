"""`tasks diffusion sample RUN`: new sequences from a trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.errors import UsageError

from taskloom_diffusion.verbs.options import AsJson, NumSamples, Overridden, Seed
from taskloom_diffusion.verbs.output import check_writable, print_generated, write_output

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


def sample(
    run: Run,
    task: BoundCorpus,
    *,
    num: NumSamples = 10,
    overridden: Overridden = None,
    length: Annotated[
        int, typer.Option(min=0, help="Length [tokens]; 0 draws from the corpus.")
    ] = 0,
    seed: Seed = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences in a batch.")] = 250,
    trajectory: Annotated[
        Path | None, typer.Option(help="Write the states of the first 4 sequences here (.json).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Generate sequences, one a line."""
    del overridden
    check_writable("--trajectory", trajectory)
    from taskloom_diffusion.evaluation.sampling import sample_lengths  # torch is heavy
    from taskloom_diffusion.evaluation.trained import model_of_run  # torch is heavy

    model, sampler = model_of_run(run), task.config.sampler
    if length > model.max_length:
        raise UsageError(f"--length {length} is above the model's max_length = {model.max_length}")
    made = sample_lengths(
        model,
        sampler,
        model.lengths(num, length or None, seed),
        seed=seed,
        batch_size=batch_size,
        record=4 if trajectory else 0,
    )
    if trajectory:
        names = model.tokenizer.tokens
        states = [[[names[i] for i in row] for row in s] for s in made.trajectory.tolist()]
        write_output("--trajectory", trajectory, json.dumps(states))
    print_generated("samples", made, sampler, seed, as_json=as_json)
