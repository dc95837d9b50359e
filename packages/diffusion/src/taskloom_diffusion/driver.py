"""What a run does, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from taskloom import Finding, Result, RunContext, derive_seed
from taskloom.devices import launch
from taskloom.errors import ConfigError

from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.evaluation.results import finish, generate_samples, held_out_bound
from taskloom_diffusion.evaluation.sampling import check_sampler
from taskloom_diffusion.schedules.inverse import final_noise
from taskloom_diffusion.task import DiffusionProblem
from taskloom_diffusion.training.batches import TrainStream
from taskloom_diffusion.training.fit import fit
from taskloom_diffusion.training.module import DiffusionTask
from taskloom_diffusion.training.preparation import (
    Prepared,
    build_task,
    prepare,
    too_long_sentence,
)
from taskloom_diffusion.training.recorder import Recorder
from taskloom_diffusion.training.team import Team, share_of_step
from taskloom_diffusion.training.workers import assembled

SMALLEST_FINAL_NOISE = 0.99


def check_problem(problem: DiffusionProblem[Any]) -> Iterable[Finding]:
    """Yield what would keep a run from working."""
    config: DiffusionConfig = problem.config
    noise = final_noise(config.schedule)
    if noise < SMALLEST_FINAL_NOISE:
        yield Finding("error", schedule_complaint(config, noise))
    # What these raise is a finding, too: whoever asks for the check sees to that.
    prepared = prepare(problem)
    check_sampler(build_task(config, prepared), config.sampler)
    left_out = prepared.corpus.describe_dropped()
    if left_out:
        yield Finding("info", left_out)
    if prepared.too_long:
        yield Finding("warning", too_long_sentence(prepared, config))


def schedule_complaint(config: DiffusionConfig, noise: float) -> str:
    """Return the sentence about a schedule that does not end in noise."""
    name = getattr(config.schedule, "kind", "")
    return (
        f"schedule '{name}' ends at a mask rate of {noise:.3f}, not near 1: sampling would start from a state that "
        "training never saw; use more steps, another schedule, or for instance 'cosine'"
    )


def run_problem(problem: DiffusionProblem[Any], ctx: RunContext, checkpoint: Path | None) -> Result:
    """Train, sample and evaluate; with a checkpoint, go on from there."""
    config: DiffusionConfig = problem.config
    prepared, task = set_up(problem)
    placed = launch()
    # Processes that torchrun or Slurm started find each other through Lightning; others are started here.
    launched = Team(placed.rank, placed.processes) if placed.processes > 1 else None
    processes = 1 if launched else max(1, ctx.resources.gpus or config.train.devices)
    share_of_step(config.train, launched.size if launched else processes)
    with assembled(problem, ctx, checkpoint, processes) as assembled_team:
        team = launched or assembled_team
        recorder = train(config, ctx, prepared, task, checkpoint=checkpoint, team=team)
    if recorder.stopped:
        return Result({"train/steps": recorder.step}, {}, f"stopped after {recorder.step} steps")
    task.eval()
    return finish(ctx, config, task, prepared)


def set_up(problem: DiffusionProblem[Any]) -> tuple[Prepared, DiffusionTask]:
    """Return the corpus in tokens and the untrained model.

    Raises:
        ConfigError: Something about the config or the corpus keeps a run from working.
    """
    config: DiffusionConfig = problem.config
    noise = final_noise(config.schedule)
    if noise < SMALLEST_FINAL_NOISE:
        raise ConfigError(schedule_complaint(config, noise))
    prepared = prepare(problem)
    task = build_task(config, prepared)
    check_sampler(task, config.sampler)
    return prepared, task


def train(
    config: DiffusionConfig,
    ctx: RunContext,
    prepared: Prepared,
    task: DiffusionTask,
    *,
    checkpoint: Path | None,
    team: Team,
) -> Recorder:
    """Train the model where it is, alone or as one of a team."""

    def stream(start: int, rank: int, processes: int) -> TrainStream:
        return TrainStream(
            prepared.train,
            config.train.batch_size,
            task.pad_token_id,
            derive_seed(config.seed, "order"),
            start=start,
            rank=rank,
            stride=processes,
            window=config.max_length if config.length_policy == "window" else 0,
        )

    def validate() -> float:
        return held_out_bound(config, task, prepared, num_draws=1).nats_per_token

    def sample(step: int) -> None:
        texts = generate_samples(config, task, prepared, 8, "progress").texts
        line = json.dumps({"step": step, "samples": texts})
        with ctx.artifact("samples_during_training.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return fit(
        ctx,
        task,
        config.train,
        stream=stream,
        validate=validate,
        sample=sample,
        checkpoint=checkpoint,
        team=team,
    )
