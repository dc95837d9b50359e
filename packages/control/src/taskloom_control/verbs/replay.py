"""`tasks control replay`: execute a run again and compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.arrays import load_npz
from taskloom.errors import CheckFailedError, RunCorruptError, UsageError
from taskloom.registry.isolate import load_target

from taskloom_control.closed_loop.trajectory import trajectory_hash

if TYPE_CHECKING:
    from taskloom.bound import BoundTask
    from taskloom.runs.run import Run

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask


def replay(
    run: Run,
    task: BoundTask[ControlTask[Any], ControlConfig],
    *,
    with_recorded_model: Annotated[
        bool,
        typer.Option("--with-recorded-model", help="Use the models that the run kept."),
    ] = False,
) -> None:
    """Execute a run of a control task again and compare the two, bit for bit."""
    from taskloom_control.closed_loop import replay as again  # heavy: mujoco

    old, steps, sha256 = _recorded(run)
    kept = run.artifacts.get("model")
    if with_recorded_model:
        task, cause = again.on_recorded_models(task, kept), ""
    else:
        cause = again.changed_model(kept, task.copy())
    events = run.artifacts.get("events")
    if events is not None:
        repeated: Any = load_target("taskloom_control.live.repeating:repeated")
        typer.echo(repeated(run, task, events, cause))
        return
    new = again.play_again(task, steps)
    digest = trajectory_hash(new)
    if digest != sha256:
        difference = again.first_difference(load_npz(old), new)
        raise CheckFailedError(
            f"{cause + ' ' if cause else ''}The replay of {run.id} did something else: {difference or 'its arrays have other names'} "
            f"(sha256 {digest[:12]}, recorded {sha256[:12]})."
        )
    typer.echo(f"{run.id} replays to the same trajectory: {steps} steps, sha256 {digest}")


def _recorded(run: Run) -> tuple[Path, int, str]:
    """Return the trajectory file of a run, its number of steps and its hash."""
    trajectory, facts = run.artifacts.get("trajectory"), run.artifacts.get("hash")
    if trajectory is None or facts is None or not trajectory.is_file() or not facts.is_file():
        raise UsageError(f"The run {run.id} ({run.status}) left no trajectory to compare with.")
    try:
        read = json.loads(run.read("hash"))
        return trajectory, int(read["steps"]), str(read["sha256"])
    except (ValueError, KeyError, TypeError):
        raise RunCorruptError(
            f"The file '{facts.name}' of the run {run.id} cannot be read."
        ) from None
