"""Bounds on the probability of sequences under the model of a run: of its test part, or of the lines of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskloom_diffusion.evaluation.answer_file import AnswerFile, FileRequest
from taskloom_diffusion.evaluation.bound import Bound, estimate_bound
from taskloom_diffusion.evaluation.judged_file import JudgedFile
from taskloom_diffusion.evaluation.kept_corpus import kept_test_part
from taskloom_diffusion.evaluation.streamed import Draws, Record, Totals, judge
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.time_samplers.base import TimeSampler

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


@dataclass(frozen=True)
class Found:
    """Bound over some sequences, and the answers to each of them.

    Attributes:
        bound: Over all sequences.
        totals: Lines, and what was left out or changed of them.
        records: Of each sequence, where they are kept.
    """

    bound: Bound
    totals: Totals
    records: list[Record] = field(default_factory=list)


def of_test_part(
    run: Run,
    task: BoundCorpus,
    model: DiffusionModel,
    *,
    draws: int,
    seed: int,
    levels: TimeSampler | None,
) -> Found:
    """Return the bound on the sequences that a run keeps, and on each of them.

    Args:
        run: The run.
        task: Its task.
        model: Its model.
        draws: Noise levels for each sequence.
        seed: Of levels and noise.
        levels: Where levels come from; None takes those of least variance.
    """
    store = kept_test_part(run, task, model.tokenizer)
    size = task.config.evaluate.batch_size
    bound = estimate_bound(
        model, store, num_draws=draws, batch_size=size, seed=seed, time_sampler=levels
    )
    found = Found(bound, Totals())
    found.totals.tally.lines = len(store)
    for number, (nats, error) in enumerate(bound.each):
        ids = [i for i in store.get(number).tolist() if i != model.pad_token_id]
        row: dict[str, Any] = {"line": None, "text": model.tokenizer.decode(ids), "nats": nats}
        found.records.append({**row, "standard_error": error, "tokens": len(ids)})
    return found


def of_file(
    run: Run,
    task: BoundCorpus,
    model: DiffusionModel,
    request: FileRequest,
    *,
    draws: int,
    seed: int,
    levels: TimeSampler | None,
    keep: bool = False,
    show: Callable[[Sequence[Record]], None] | None = None,
) -> Found:
    """Return the bound on the lines of a file, which may be larger than the memory.

    Args:
        run: The run.
        task: Its task.
        model: Its model.
        request: The file, and how it is read.
        draws: Noise levels for each sequence.
        seed: Of levels and noise.
        levels: Where levels come from; None takes those of least variance.
        keep: Keep the answer to each line, which takes memory.
        show: Called with answers as they are there.

    Raises:
        UsageError: The file cannot be read, or no line of it can be judged.
        ConfigError: Lines have tokens that the model lacks, and that is to be refused.
    """
    config, totals = task.config, Totals()
    how = Draws(draws, seed, levels, config.evaluate.batch_size)
    file = JudgedFile(request.path, request.column, config, model.tokenizer, request.as_written)
    answered = None
    if request.out is not None:
        asked = {"run": run.id, "draws": draws, "seed": seed, "levels": _named(levels)}
        answered = AnswerFile(request.out, request, asked)
    # Answers are kept only where they are asked for: a file may have more than the memory holds.
    kept: list[Record] = []
    with nullcontext() if answered is None else closing(answered):
        for records in judge(model, file, how, refuse=request.refuse, answered=answered):
            for record in records:
                totals.add(record)
            if keep:
                kept += [record for record in records if "nats" in record]
            if show is not None:
                show(records)
        # Not before all are there: a file without one line that can be judged leaves no answers.
        if answered is not None:
            answered.finish()
    return Found(totals.bound(model, levels), totals, kept)


def _named(levels: TimeSampler | None) -> dict[str, Any] | None:
    return None if levels is None else levels.model_dump(mode="json")
