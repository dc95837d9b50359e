"""The driver of control: it pairs a task with the controller, the optimizer and the engine of its config, in a closed loop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from taskloom import Finding, Result, RunContext
from taskloom.arrays import save_npz
from taskloom.bound import BoundTask
from taskloom.devices import jax_placed
from taskloom.task import JsonValue

from taskloom_control.closed_loop import checks
from taskloom_control.closed_loop.headline import headline, play_at_rest, units_of
from taskloom_control.closed_loop.labels import column_labels
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.models import keep_models
from taskloom_control.closed_loop.trajectory import trajectory_hash
from taskloom_control.config import ControlConfig
from taskloom_control.errors import PlanError
from taskloom_control.metrics import episode_metrics, one_line
from taskloom_control.task import ControlTask

EVENTS = "events.jsonl"
"""File of what was done to a run that was watched."""


def run(
    task: BoundTask[ControlTask[Any], ControlConfig], ctx: RunContext, checkpoint: Path | None
) -> Result:
    """Run an episode inside a run, from its beginning or from a checkpoint."""
    if (ctx.dir / "artifacts" / EVENTS).exists():
        raise PlanError("This run was watched and steered by hand; watch anew, or replay it.")
    with jax_placed(ctx.resources) if task.config.engine.uses_jax else nullcontext():
        loop = ClosedLoop(task, ctx.seed("plan"), ctx.seed("reset"))
        try:
            if checkpoint is not None:
                loop.restore(checkpoint)
            _advance_all(loop, ctx)
            result = finish(loop, ctx)
            rest = None
            if task.config.baseline and loop.done and loop.step:
                with ctx.progress(None, "the same start without control"):
                    rest = play_at_rest(task, ctx.seed("reset"), loop.step)
                kept = ctx.artifact("baseline.npz")
                save_npz(kept, {"time": rest.time, "cost": rest.costs})
                result = replace(result, artifacts={**result.artifacts, "baseline": kept})
            said = headline(task, result.metrics, loop.arrays(), rest, stopped=not loop.done)
            units = None if said is None else units_of(said)
            return replace(result, headline=said, units=units)
        finally:
            loop.close()


def check(task: BoundTask[ControlTask[Any], ControlConfig]) -> Iterator[Finding]:
    """Look at the model, the plan's sizes and the reward without running anything."""
    return checks.quick_findings(task)


def describe(task: BoundTask[ControlTask[Any], ControlConfig]) -> Mapping[str, JsonValue]:
    """Return the sizes of the problem."""
    return checks.facts(task.task)


def can_resume(task: BoundTask[ControlTask[Any], ControlConfig]) -> bool:
    """Return whether a checkpoint holds all: the physics does, but not messages that are still under way."""
    return not task.config.plant.delays


def _advance_all(loop: ClosedLoop, ctx: RunContext) -> None:
    """Advance to the end, or to the wish to stop."""
    every, resumable = loop.config.checkpoint_every, not loop.config.plant.delays
    with ctx.progress(loop.num_steps, "simulated steps") as progress:
        progress.advance(loop.step)
        while not loop.done:
            if resumable and ctx.should_stop:
                with ctx.checkpoint(loop.controller.num_plans) as folder:
                    loop.save(folder)
                return
            before = loop.step
            stats = loop.advance()
            rewards = loop.history.last("reward", loop.step - before)
            ctx.log(
                loop.controller.num_plans,
                cost=-float(rewards.mean()),
                plan_reward=stats.reward if np.isfinite(stats.reward) else 0.0,
                ess=stats.ess,
                diverged=float(stats.diverged),
                success=float(loop.history.last("success", 1)[0]),
            )
            progress.advance(loop.step - before)
            if every and resumable and loop.controller.num_plans % every == 0 and not loop.done:
                with ctx.checkpoint(loop.controller.num_plans) as folder:
                    loop.save(folder)


def finish(
    loop: ClosedLoop, ctx: RunContext, more: Mapping[str, JsonValue] = MappingProxyType({})
) -> Result:
    """Write the artifacts and sum up.

    Args:
        loop: The loop, at its end.
        ctx: The context of the run.
        more: Further facts for the file of the trajectory's hash.
    """
    arrays = loop.arrays()
    artifacts = {"trajectory": ctx.artifact("trajectory.npz")}
    save_npz(artifacts["trajectory"], arrays)
    digest = trajectory_hash(arrays)
    artifacts["hash"] = ctx.artifact("trajectory.json")
    columns = column_labels(loop.controller.task.model)
    plans = loop.controller.num_plans
    facts = {"sha256": digest, "steps": loop.step, "plans": plans, "columns": columns, **more}
    artifacts["hash"].write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8", newline="\n")
    artifacts |= keep_models(loop.controller.task, ctx.artifact)
    if loop.config.record.animation and loop.step > 0:
        from taskloom_control.report.animation import animate  # Pillow is heavy

        artifacts["animation"] = ctx.artifact("animation.gif")
        with ctx.progress(None, "drawing the animation"):
            animate(loop.controller.task.model, arrays, artifacts["animation"])
    metrics = episode_metrics(loop.simulation, arrays, loop.config)
    controls = loop.step * loop.controller.task.model.nu
    metrics["clamped"] = loop.num_clamped / controls if controls else 0.0
    metrics["unstable"] = float(loop.simulation.unstable)
    return Result(metrics=metrics, artifacts=artifacts, summary=one_line(metrics, digest))
