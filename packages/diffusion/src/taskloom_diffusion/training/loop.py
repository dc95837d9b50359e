"""One training of a task, from its corpus to the averaged weights, alone or in several processes."""

from __future__ import annotations

import json
from pathlib import Path

from taskloom import RunContext
from taskloom.devices import launch
from taskloom.errors import ConfigError

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.evaluation.kept_corpus import as_before
from taskloom_diffusion.evaluation.results import generate_samples, held_out_bound
from taskloom_diffusion.evaluation.sampling import check_sampler
from taskloom_diffusion.training.batches import TrainStream
from taskloom_diffusion.training.checkpoint import load_state
from taskloom_diffusion.training.fit import fit
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.training.preparation import (
    BoundCorpus,
    Prepared,
    build_module,
    kept_for_run,
    planned,
    prepare,
    schedule_fault,
    train_stream,
)
from taskloom_diffusion.training.recorder import Recorder
from taskloom_diffusion.training.team import ProcessGroup, share_of_step
from taskloom_diffusion.training.workers import assembled


def set_up(task: BoundCorpus) -> tuple[Prepared, DiffusionModule]:
    """Return the corpus in tokens and the untrained model.

    Raises:
        ConfigError: Something about the config or the corpus keeps a run from working.
    """
    fault = schedule_fault(task.config)
    if fault:
        raise ConfigError(fault)
    prepared = kept_for_run(task) or prepare(task)
    module = build_module(task, prepared)
    check_sampler(module, task.config.sampler)
    return prepared, module


def task_of_checkpoint(task: BoundCorpus, checkpoint: Path | None) -> BoundCorpus:
    """Return the task with the split that a training was begun with: one of earlier versions keeps theirs."""
    is_new = checkpoint is None or load_state(checkpoint).get("split", "legacy") != "legacy"
    return task if is_new else as_before(task)


def train_together(
    task: BoundCorpus,
    ctx: RunContext,
    prepared: Prepared,
    module: DiffusionModule,
    checkpoint: Path | None,
) -> Recorder:
    """Train in as many processes as the run was given, or as the config asks for; this one is the first of those it starts."""
    config, placed = task.config, launch()
    # Processes that torchrun or Slurm started find each other through Lightning; others are started here.
    launched = ProcessGroup(placed.rank, placed.processes) if placed.processes > 1 else None
    processes = 1 if launched else max(1, ctx.resources.gpus or config.train.devices)
    share_of_step(config.train, launched.size if launched else processes)
    with assembled(task, ctx, checkpoint, processes) as started:
        return train(
            config, ctx, prepared, module, checkpoint=checkpoint, group=launched or started
        )


def train(
    config: DiffusionConfig,
    ctx: RunContext,
    prepared: Prepared,
    module: DiffusionModule,
    *,
    checkpoint: Path | None,
    group: ProcessGroup,
) -> Recorder:
    """Train the model where it is, alone or as one of a group."""

    def stream(start: int, rank: int, processes: int) -> TrainStream:
        return train_stream(config, prepared, start, rank, processes)

    def validate() -> float:
        return held_out_bound(config, module, prepared.validation, num_draws=1).nats_per_token

    def sample(step: int) -> None:
        texts = generate_samples(config, module, prepared, 8, "progress").texts
        line = json.dumps({"step": step, "samples": texts})
        with ctx.artifact("samples_during_training.jsonl").open(
            "a", encoding="utf-8", newline="\n"
        ) as file:
            file.write(line + "\n")

    return fit(
        ctx,
        module,
        planned(config, prepared),
        stream=stream,
        validate=validate,
        sample=sample,
        checkpoint=checkpoint,
        group=group,
    )
