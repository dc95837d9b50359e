"""`tasks control replay`: execute a run again and compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from taskloom.errors import CheckFailedError, RunCorruptError, UsageError
from taskloom.opening import open_run, task_of
from taskloom.runs import Run

from taskloom_control.closed_loop.trajectory import load_arrays, trajectory_hash


def replay(
    run: Annotated[str, typer.Argument(help="Run id, unique prefix, @last, or path.")],
    store: Annotated[
        Path | None, typer.Option("--store", help="Folder that holds the runs.")
    ] = None,
) -> None:
    """Execute a run of a control task again and compare the two, bit for bit."""
    found = open_run(run, store)
    old, steps, sha256 = _recorded(found)
    from taskloom_control.closed_loop.replay import first_difference, play_again  # MuJoCo is heavy

    new = play_again(cast("Any", task_of(found)), steps)
    digest = trajectory_hash(new)
    if digest != sha256:
        difference = first_difference(load_arrays(old), new)
        raise CheckFailedError(
            f"The replay of {found.id} did something else: {difference or 'its arrays have other names'} "
            f"(sha256 {digest[:12]}, recorded {sha256[:12]})."
        )
    typer.echo(f"{found.id} replays to the same trajectory: {steps} steps, sha256 {digest}")


def _recorded(found: Run) -> tuple[Path, int, str]:
    """Return the trajectory file of a run, its number of steps and its hash."""
    if found.domain != "control":
        raise UsageError(
            f"The run {found.id} is of the domain '{found.domain}'; only control runs can be replayed."
        )
    trajectory, facts = found.artifacts.get("trajectory"), found.artifacts.get("hash")
    if trajectory is None or facts is None or not trajectory.is_file() or not facts.is_file():
        raise UsageError(f"The run {found.id} ({found.status}) left no trajectory to compare with.")
    try:
        read = json.loads(facts.read_text())
        return trajectory, int(read["steps"]), str(read["sha256"])
    except (ValueError, KeyError, TypeError):
        raise RunCorruptError(
            f"The file '{facts.name}' of the run {found.id} cannot be read."
        ) from None
