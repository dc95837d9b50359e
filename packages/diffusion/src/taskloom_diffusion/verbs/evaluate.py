"""`tasks diffusion evaluate RUN`: metrics of fresh samples, and the bound on the test part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from taskloom_diffusion.report.tables import (
    bound_metrics,
    likelihood_table,
    sample_table,
    share_error,
    text_lines,
)
from taskloom_diffusion.verbs.options import (
    AsJson,
    Levels,
    Overridden,
    Seed,
    is_set,
    levels_called,
)

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.evaluation.bound import Bound
    from taskloom_diffusion.evaluation.sampling import Generated
    from taskloom_diffusion.training.preparation import BoundCorpus

NUM_SAMPLES, NUM_DRAWS = 1000, 4


def evaluate(
    run: Run,
    task: BoundCorpus,
    *,
    num: Annotated[
        int | None,
        typer.Option(min=1, help="Samples; --evaluate.num_samples if that is set, else 1000."),
    ] = None,
    overridden: Overridden = None,
    time_sampler: Levels = "",
    draws: Annotated[
        int | None,
        typer.Option(min=1, help="Levels per test sequence; --evaluate.num_draws if set, else 4."),
    ] = None,
    seed: Seed = 0,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Compare samples with the corpus of now, though it has changed.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a trained model again, with another sampler or more samples."""
    levels, config = levels_called(time_sampler), task.config
    settings = config.evaluate
    if num is None:
        is_asked = is_set("evaluate.num_samples", overridden)
        num = settings.num_samples if is_asked else NUM_SAMPLES
    if draws is None:
        draws = settings.num_draws if is_set("evaluate.num_draws", overridden) else NUM_DRAWS
    from taskloom_diffusion.evaluation import sampling  # torch is heavy
    from taskloom_diffusion.evaluation.bound import (  # torch is heavy
        estimate_bound,
        level_sampler_for,
    )
    from taskloom_diffusion.evaluation.kept_corpus import compared  # torch is heavy
    from taskloom_diffusion.evaluation.trained import model_of_run  # torch is heavy

    model = model_of_run(run)
    level_sampler_for(model, levels)  # refuses a biased one before minutes are spent
    found = compared(run, task, model.tokenizer, accept=accept_changes)
    if found.change:
        typer.echo(f"the corpus has changed: {found.change}", err=True)
    prepared = found.prepared
    bound = estimate_bound(
        model,
        prepared.test,
        num_draws=draws,
        batch_size=settings.batch_size,
        seed=seed,
        time_sampler=levels,
    )
    lengths = sampling.draw_lengths(model.length_histogram, num, seed)
    made = sampling.sample_lengths(
        model, config.sampler, lengths, seed=seed, batch_size=settings.batch_size
    )
    judged = config.metrics.compute(made.texts, prepared.corpus)
    if not as_json:
        _tell(bound, judged, made)
        return
    figures: dict[str, object] = {
        "nelbo_nats_per_token": bound.nats_per_token,
        "nelbo_standard_error": bound.standard_error,
        "bits_per_character": bound.bits_per_character,
        "bits_per_byte": bound.bits_per_byte,
        "bits_per_character_error": bound.bits_per_character_error,
        "perplexity": bound.perplexity,
        "perplexity_error": bound.perplexity_error,
        "bound": bound.kind,
        "samples": num,
        "calls_per_sample": made.mean_calls,
        "cpu_seconds_per_sample": made.cpu_seconds / num,
        **judged,
    }
    if "valid" in judged:
        figures["valid_error"] = share_error(judged["valid"], num)
    typer.echo(json.dumps(figures))


def _tell(bound: Bound, judged: Mapping[str, float], made: Generated) -> None:
    """Print the figures with units and standard errors."""
    typer.echo(f"{bound.kind}, on {bound.num_sequences} test sequences")
    metrics = bound_metrics(bound) | {f"samples/{name}": value for name, value in judged.items()}
    metrics["samples/calls"] = made.mean_calls
    num = len(made.texts)
    samples = sample_table(metrics, num)
    for line in [*text_lines(likelihood_table(metrics)), samples.caption, *text_lines(samples)]:
        typer.echo(line)
    typer.echo(f"{made.cpu_seconds / num:.3g} CPU seconds per sample")
