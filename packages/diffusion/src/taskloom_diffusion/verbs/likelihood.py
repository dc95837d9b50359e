"""`tasks diffusion likelihood RUN`: how probable sequences are, as certified bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import UsageError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.report.tables import bound_metrics, likelihood_table, text_lines
from taskloom_diffusion.verbs.options import AsJson, Levels, Seed, levels_called

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.evaluation.bound import Bound
    from taskloom_diffusion.evaluation.judged_file import Judged
    from taskloom_diffusion.tokenizers.base import FittedTokenizer
    from taskloom_diffusion.training.preparation import BoundCorpus


def likelihood(
    run: Run,
    task: BoundCorpus,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Sequences, in any format that the task 'file' reads; the run's test part if not given."
        ),
    ] = None,
    column: Annotated[
        str,
        typer.Option(
            help="Column of a table, or field of JSON Lines; that of the run if not given."
        ),
    ] = "",
    as_written: Annotated[
        bool,
        typer.Option("--as-written", help="Molecules as the file spells them, not as in training."),
    ] = False,
    uncut: Annotated[
        str, typer.Option(help="Lines that the model has no tokens for: leave_out, or refuse.")
    ] = "leave_out",
    draws: Annotated[int, typer.Option(min=1, help="Noise levels per sequence.")] = 16,
    time_sampler: Levels = "",
    seed: Seed = 0,
    each: Annotated[
        bool, typer.Option("--each", help="Print the bound of every sequence as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bound -log p of sequences, with standard error and the kind of bound."""
    if uncut not in ("leave_out", "refuse"):
        near = did_you_mean(uncut, ("leave_out", "refuse"))
        raise UsageError(
            f"--uncut '{uncut}' is neither leave_out nor refuse{'; ' * bool(near)}{near}"
        )
    from taskloom_diffusion.evaluation.bound import estimate_bound  # torch is heavy
    from taskloom_diffusion.evaluation.judged_file import (  # torch is heavy
        judged_file,
        judged_store_alone,
    )
    from taskloom_diffusion.evaluation.kept_corpus import kept_test_part  # torch is heavy
    from taskloom_diffusion.evaluation.trained import trained_model  # torch is heavy

    model, config = trained_model(run).model, task.config
    if file is None:
        judged = judged_store_alone(kept_test_part(run, task, model.tokenizer))
    else:
        judged = judged_file(
            file, column, config, model.tokenizer, as_written=as_written, refuse=uncut == "refuse"
        )
    store_of = judged.store
    bound = estimate_bound(
        model,
        store_of,
        num_draws=draws,
        batch_size=config.evaluate.batch_size,
        seed=seed,
        time_sampler=levels_called(time_sampler),
    )
    sequences = _each(bound, judged, model.tokenizer) if each else []
    if not as_json:
        for row in sequences:
            spread = "" if row["standard_error"] is None else f" +- {row['standard_error']:.2g}"
            others = "".join(f"  {name}={value}" for name, value in row["columns"].items())
            nats = f"{row['nats']:.5g}{spread}"
            typer.echo(f"{nats:18} nats  {row['tokens']:4} tokens  {row['text']}{others}")
        typer.echo(f"{bound.kind}, on {bound.num_sequences} sequences of {bound.num_tokens} tokens")
        for line in text_lines(likelihood_table(bound_metrics(bound))):
            typer.echo(line)
        if judged.left_out:
            typer.echo(judged.left_out, err=True)
        return
    figures: dict[str, object] = {
        "nats_per_token": bound.nats_per_token,
        "standard_error": bound.standard_error,
        "bits_per_token": bound.bits_per_token,
        "bits_per_character": bound.bits_per_character,
        "bits_per_byte": bound.bits_per_byte,
        "bits_per_character_error": bound.bits_per_character_error,
        "perplexity": bound.perplexity,
        "perplexity_error": bound.perplexity_error,
        "nats_per_sequence": bound.nats_per_sequence,
        "sequences": bound.num_sequences,
        "tokens": bound.num_tokens,
        "too_long": judged.counts.get("too_long", 0),
        "lines": judged.lines,
        "left_out": judged.counts,
        "bound": bound.kind,
    }
    if each:
        figures["each"] = sequences
    typer.echo(json.dumps(figures))


def _each(bound: Bound, judged: Judged, tokenizer: FittedTokenizer) -> list[dict[str, Any]]:
    """Return text, nats, their standard error, tokens and the user's columns of every sequence, in the order of the file."""
    rows: list[dict[str, Any]] = []
    for number, (nats, error) in enumerate(bound.each):
        ids = [i for i in judged.store.get(number).tolist() if i != tokenizer.pad_id]
        row = judged.rows[number] if judged.rows else None
        rows.append(
            {
                "text": tokenizer.decode(ids),
                "nats": nats,
                "standard_error": error,
                "tokens": len(ids),
                "line": row.line if row else None,
                "columns": dict(row.others) if row else {},
            }
        )
    return rows
