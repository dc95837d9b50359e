"""`tasks diffusion likelihood RUN`: how probable sequences are, as certified bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.report.tables import bound_metrics, likelihood_table, text_lines
from taskloom_diffusion.time_samplers.base import TimeSampler
from taskloom_diffusion.time_samplers.exact_count import ExactCount
from taskloom_diffusion.verbs.trained import choose, open_trained

if TYPE_CHECKING:
    from taskloom_diffusion.evaluation.bound import Bound
    from taskloom_diffusion.tokenizers.base import FittedTokenizer
    from taskloom_diffusion.training.batches import TokenStore


def likelihood(
    run: Annotated[str, typer.Argument(help="Run id, unique prefix, @last, or run folder.")],
    *,
    file: Annotated[
        Path | None, typer.Option(help="One sequence a line; the run's held-out ones if not given.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Noise levels per sequence.")] = 16,
    time_sampler: Annotated[
        str, typer.Option(help="Levels; those of least variance if empty. Biased ones are refused.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Root of the random streams.")] = 0,
    each: Annotated[
        bool, typer.Option("--each", help="Print the bound of every sequence as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    store: Annotated[Path | None, typer.Option("--store", help="Run store.")] = None,
) -> None:
    """Bound -log p of sequences, with standard error and the kind of bound."""
    trained = open_trained(run, store)
    # torch is imported only once there is a model.
    from taskloom_diffusion.evaluation.bound import estimate_bound
    from taskloom_diffusion.training.batches import encode_all
    from taskloom_diffusion.training.preparation import prepare

    config = trained.problem.config
    dropped = 0
    if file is None:
        store_of = prepare(trained.problem, trained.task.tokenizer).holdout
    else:
        lines = _lines(file)
        _check_lines(file, lines, trained.task.tokenizer)
        store_of, dropped = encode_all(
            lines, trained.task.tokenizer, config.length_policy, config.max_length
        )
        if not len(store_of):
            window = config.length_policy == "window"
            needed = f"{'a whole window of' if window else 'between 1 and'} {config.max_length}"
            raise UsageError(f"no line of '{file}' has {needed} tokens")
    least: TimeSampler = ExactCount()
    levels = (
        choose("taskloom_diffusion.time_samplers", time_sampler, [], least)
        if time_sampler
        else None
    )
    bound = estimate_bound(
        trained.task,
        store_of,
        num_draws=draws,
        batch_size=config.evaluate.batch_size,
        seed=seed,
        time_sampler=levels,
    )
    sequences = _each(bound, store_of, trained.task.tokenizer) if each else []
    if not as_json:
        for text, nats, error, tokens in sequences:
            spread = "" if error is None else f" +- {error:.2g}"
            typer.echo(f"{f'{nats:.5g}{spread}':18} nats  {tokens:4} tokens  {text}")
        typer.echo(f"{bound.kind}, on {bound.num_sequences} sequences of {bound.num_tokens} tokens")
        for line in text_lines(likelihood_table(bound_metrics(bound))):
            typer.echo(line)
        if dropped:
            typer.echo(f"{dropped} sequences are left out: they do not fit max_length", err=True)
        return
    figures: dict[str, object] = {
        "nats_per_token": bound.nats_per_token,
        "standard_error": bound.standard_error,
        "bits_per_token": bound.bits_per_token,
        "bits_per_character": bound.bits_per_character,
        "bits_per_character_error": bound.bits_per_character_error,
        "perplexity": bound.perplexity,
        "perplexity_error": bound.perplexity_error,
        "nats_per_sequence": bound.nats_per_sequence,
        "sequences": bound.num_sequences,
        "tokens": bound.num_tokens,
        "too_long": dropped,
        "bound": bound.kind,
    }
    if each:
        names = ("text", "nats", "standard_error", "tokens")
        figures["each"] = [dict(zip(names, row, strict=True)) for row in sequences]
    typer.echo(json.dumps(figures))


def _each(
    bound: Bound, store: TokenStore, tokenizer: FittedTokenizer
) -> list[tuple[str, float, float | None, int]]:
    """Return text, nats, their standard error and tokens of every sequence, in the order of the file."""
    rows = []
    for number, (nats, error) in enumerate(bound.each):
        ids = [i for i in store.get(number).tolist() if i != tokenizer.pad_id]
        rows.append((tokenizer.decode(ids), nats, error, len(ids)))
    return rows


def _check_lines(file: Path, lines: list[str], tokenizer: FittedTokenizer) -> None:
    """Refuse a file with lines that the model has no tokens for: leaving them out would flatter the figure."""
    refused = []
    for line in lines:
        try:
            tokenizer.encode(line)
        except ConfigError as error:
            refused.append(error.message)
    if refused:
        raise ConfigError(
            f"--file: {len(refused)} of {len(lines)} lines of '{file}' cannot be read; the first: {refused[0]}"
        )


def _lines(file: Path) -> list[str]:
    try:
        return [
            line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"--file '{file}' cannot be read: {reason}") from None
