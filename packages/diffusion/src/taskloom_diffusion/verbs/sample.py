"""`tasks diffusion sample RUN`: new sequences from a trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import UsageError

from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.verbs.output import check_writable, print_generated, write_output
from taskloom_diffusion.verbs.trained import choose, open_trained

GROUP = "taskloom_diffusion.samplers"


def sample(
    run: Annotated[str, typer.Argument(help="Run id, unique prefix, @last, or run folder.")],
    *,
    num: Annotated[int, typer.Option("--num", min=1, help="Sequences.")] = 10,
    sampler: Annotated[str, typer.Option(help="Sampler; the run's own if empty.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--with", help="A sampler's setting, name=value; repeatable."),
    ] = None,
    length: Annotated[
        int, typer.Option(min=0, help="Length [tokens]; 0 draws from the corpus.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Root of the random streams.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences in a batch.")] = 250,
    trajectory: Annotated[
        Path | None, typer.Option(help="Write the states of the first 4 sequences here (.json).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    store: Annotated[Path | None, typer.Option("--store", help="Run store.")] = None,
) -> None:
    """Generate sequences, one a line."""
    check_writable("--trajectory", trajectory)
    trained = open_trained(run, store)
    # torch is imported only once there is something to generate.
    from taskloom_diffusion.evaluation.sampling import draw_lengths, sample_lengths

    config: Sampler = choose(GROUP, sampler, settings or [], trained.problem.config.sampler)
    if length > trained.task.max_length:
        raise UsageError(
            f"--length {length} is above the model's max_length = {trained.task.max_length}"
        )
    lengths = (
        [length] * num if length else draw_lengths(trained.facts["length_histogram"], num, seed)
    )
    made = sample_lengths(
        trained.task,
        config,
        lengths,
        seed=seed,
        batch_size=batch_size,
        record=4 if trajectory else 0,
    )
    if trajectory:
        names = trained.task.tokenizer.tokens
        states = [[[names[i] for i in row] for row in s] for s in made.trajectory.tolist()]
        write_output("--trajectory", trajectory, json.dumps(states))
    print_generated("samples", made, config, seed, as_json=as_json)
