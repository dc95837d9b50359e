"""The driver of diffusion: it pairs a corpus with the process, the network and the sampler of a config."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom import Finding, JsonValue, Result, RunContext

if TYPE_CHECKING:
    from taskloom_diffusion.training.preparation import BoundCorpus


def run(task: BoundCorpus, ctx: RunContext, checkpoint: Path | None, /) -> Result:
    """Train, sample and evaluate; with a checkpoint, go on from there to the same end."""
    with _uncollected():
        from taskloom_diffusion.evaluation.results import finish  # torch is heavy
        from taskloom_diffusion.training import loop  # Lightning is heavy

    task = loop.task_of_checkpoint(task, checkpoint)
    prepared, module = loop.set_up(task)
    recorder = loop.train_together(task, ctx, prepared, module, checkpoint)
    if recorder.stopped:
        return Result({"train/steps": recorder.step}, {}, f"stopped after {recorder.step} steps")
    module.eval()
    return finish(ctx, task.config, module, prepared)


def check(task: BoundCorpus, /) -> Iterator[Finding]:
    """Yield what would keep a run from working, and what is left out of the corpus; nothing is trained."""
    with _uncollected():
        from taskloom_diffusion.evaluation.sampling import check_sampler  # torch is heavy
        from taskloom_diffusion.training import preparation  # torch is heavy
        from taskloom_diffusion.training.workers import check_shared  # Lightning is heavy

    if task.config.train.devices > 1:
        check_shared(task)
    fault = preparation.schedule_fault(task.config)
    if fault:
        yield Finding("error", fault)
    # What these raise is a finding, too: core sees to that.
    prepared = preparation.prepare(task)
    check_sampler(preparation.build_module(task, prepared), task.config.sampler)
    preparation.keep_for_run(task, prepared)
    corpus = prepared.corpus
    for sentence in (corpus.describe_dropped(), corpus.describe_changed(), *corpus.notes):
        if sentence:
            yield Finding("info", sentence)
    if prepared.too_long:
        yield Finding("warning", preparation.too_long_sentence(prepared, task.config))


def describe(task: BoundCorpus, /) -> Mapping[str, JsonValue]:
    """Return the corpus' size, split and licence, and what is left out or changed of a file."""
    from taskloom_diffusion.training.preparation import in_three_parts  # torch is heavy

    corpus = in_three_parts(task.task.load_corpus(), task.config)
    return {
        "corpus": corpus.name,
        "licence": corpus.licence,
        "training sequences": len(corpus.train),
        "validation sequences": len(corpus.validation),
        "test sequences": len(corpus.test),
        "split": corpus.split,
        "left out": corpus.describe_dropped(prefix=False) or "nothing",
        "changed": corpus.describe_changed() or "nothing",
    }


def can_resume(task: BoundCorpus, /) -> bool:
    """Return true: batches and noise depend on the seed and the step only, so training goes on bit for bit."""
    del task
    return True


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: importing Lightning makes none, and the search was a quarter of its 3.6 CPU seconds."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
