"""`tasks diffusion evaluate RUN`: metrics of fresh samples, and the bound on held-out sequences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskloom_diffusion.report.tables import (
    bound_metrics,
    likelihood_table,
    sample_table,
    share_error,
    text_lines,
)
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.time_samplers.base import TimeSampler
from taskloom_diffusion.time_samplers.exact_count import ExactCount
from taskloom_diffusion.verbs.trained import choose, open_trained

if TYPE_CHECKING:
    from taskloom_diffusion.evaluation.bound import Bound
    from taskloom_diffusion.evaluation.sampling import Generated


def evaluate(
    run: Annotated[str, typer.Argument(help="Run id, unique prefix, @last, or run folder.")],
    *,
    num: Annotated[int, typer.Option("--num", min=1, help="Samples.")] = 1000,
    sampler: Annotated[str, typer.Option(help="Sampler; the run's own if empty.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--with", help="A sampler's setting, name=value; repeatable."),
    ] = None,
    time_sampler: Annotated[
        str,
        typer.Option(help="Levels of the bound; least variance if empty. Biased ones are refused."),
    ] = "",
    draws: Annotated[int, typer.Option(min=1, help="Noise levels per held-out sequence.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Root of the random streams.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    store: Annotated[Path | None, typer.Option("--store", help="Run store.")] = None,
) -> None:
    """Judge a trained model again, with another sampler or more samples."""
    trained = open_trained(run, store)
    config: Sampler = choose(
        "taskloom_diffusion.samplers",
        sampler,
        settings or [],
        trained.problem.config.sampler,
    )
    least: TimeSampler = ExactCount()
    levels = (
        choose("taskloom_diffusion.time_samplers", time_sampler, [], least)
        if time_sampler
        else None
    )
    # torch is imported only once the options are known to be good.
    from taskloom_diffusion.evaluation.bound import estimate_bound, level_sampler_for
    from taskloom_diffusion.evaluation.sampling import draw_lengths, sample_lengths
    from taskloom_diffusion.training.preparation import prepare

    level_sampler_for(trained.task, levels)  # refuses a biased one before minutes are spent
    settings_of_run = trained.problem.config.evaluate
    prepared = prepare(trained.problem, trained.task.tokenizer)
    bound = estimate_bound(
        trained.task,
        prepared.holdout,
        num_draws=draws,
        batch_size=settings_of_run.batch_size,
        seed=seed,
        time_sampler=levels,
    )
    lengths = draw_lengths(trained.facts["length_histogram"], num, seed)
    made = sample_lengths(
        trained.task, config, lengths, seed=seed, batch_size=settings_of_run.batch_size
    )
    judged = trained.problem.config.metrics.compute(made.texts, prepared.corpus)
    if not as_json:
        _tell(bound, judged, made)
        return
    figures: dict[str, object] = {
        "nelbo_nats_per_token": bound.nats_per_token,
        "nelbo_standard_error": bound.standard_error,
        "bits_per_character": bound.bits_per_character,
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
    typer.echo(f"{bound.kind}, on {bound.num_sequences} held-out sequences")
    metrics = bound_metrics(bound) | {f"samples/{name}": value for name, value in judged.items()}
    metrics["samples/calls"] = made.mean_calls
    num = len(made.texts)
    samples = sample_table(metrics, num)
    for line in [*text_lines(likelihood_table(metrics)), samples.caption, *text_lines(samples)]:
        typer.echo(line)
    typer.echo(f"{made.cpu_seconds / num:.3g} CPU seconds per sample")
