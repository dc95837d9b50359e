"""`tasks diffusion likelihood RUN`: how probable sequences are, as certified bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import UsageError

from taskloom_diffusion.evaluation.answer_file import FileRequest
from taskloom_diffusion.report.tables import bound_metrics, likelihood_table, text_lines
from taskloom_diffusion.verbs.options import AsJson, Levels, Seed, Uncut, levels_called
from taskloom_diffusion.verbs.output import check_writable

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.evaluation.judging import Found
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
    uncut: Uncut = "leave_out",
    draws: Annotated[int, typer.Option(min=1, help="Noise levels per sequence.")] = 16,
    time_sampler: Levels = "",
    seed: Seed = 0,
    each: Annotated[
        bool, typer.Option("--each", help="Print the bound of every sequence as well.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the bound of every line of --file here, as JSON Lines; the same command goes on where it was stopped."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bound -log p of sequences, with standard error and the kind of bound."""
    if out is not None and file is None:
        raise UsageError("--out is for the lines of --file PATH")
    check_writable("--out", out)
    from taskloom_diffusion.evaluation import judging  # torch is heavy
    from taskloom_diffusion.evaluation.trained import model_of_run  # torch is heavy

    model, levels = model_of_run(run), levels_called(time_sampler)
    if file is None:
        found = judging.of_test_part(run, task, model, draws=draws, seed=seed, levels=levels)
        if each and not as_json:
            _print_rows(found.records)
    else:
        request = FileRequest(
            file, column, as_written=as_written, refuse=uncut == "refuse", out=out
        )
        found = judging.of_file(
            run, task, model, request,
            draws=draws, seed=seed, levels=levels,
            keep=each and as_json, show=_print_rows if each and not as_json else None,
        )  # fmt: skip
        for sentence in found.totals.notes(file):
            typer.echo(sentence, err=True)
    bound = found.bound
    if as_json:
        figures = _figures(found)
        if each:
            figures["each"] = [{"columns": {}, **record} for record in found.records]
        typer.echo(json.dumps(figures))
        return
    typer.echo(f"{bound.kind}, on {bound.num_sequences} sequences of {bound.num_tokens} tokens")
    for line in text_lines(likelihood_table(bound_metrics(bound))):
        typer.echo(line)


def _print_rows(records: Sequence[Mapping[str, Any]]) -> None:
    for row in records:
        if "nats" not in row:
            continue
        spread = "" if row["standard_error"] is None else f" +- {row['standard_error']:.2g}"
        others = "".join(f"  {name}={value}" for name, value in row.get("columns", {}).items())
        nats = f"{row['nats']:.5g}{spread}"
        typer.echo(f"{nats:18} nats  {row['tokens']:4} tokens  {row['text']}{others}")


def _figures(found: Found) -> dict[str, object]:
    bound, totals = found.bound, found.totals
    counts = totals.tally.counts
    return {
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
        "too_long": counts.get("too_long", 0),
        "lines": totals.tally.lines,
        "left_out": counts,
        "lossy": totals.lossy,
        "bound": bound.kind,
    }
