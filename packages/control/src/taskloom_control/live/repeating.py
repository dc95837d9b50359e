"""Second execution of a session that a person steered, to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import CheckFailedError, RunCorruptError

from taskloom_control.live.events import read_events
from taskloom_control.live.session import repeat

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_control.bench.variants import Bound


def repeated(run: Run, task: Bound, events: Path, cause: str) -> str:
    """Do again what was done in a run that was watched, and return the sentence on it.

    Args:
        run: The run.
        task: Its task, with the config that it began with.
        events: The file of what was done.
        cause: The sentence on models that are no longer those of the run; empty if they are.

    Raises:
        CheckFailedError: An episode did something else.
        RunCorruptError: The run does not say what its episodes did.
    """
    try:
        old = [
            (int(e["steps"]), str(e["sha256"])) for e in json.loads(run.read("hash"))["episodes"]
        ]
    except (ValueError, KeyError, TypeError):
        raise RunCorruptError(f"The run {run.id} does not say what its episodes did.") from None
    done = read_events(events)
    new = repeat(task, done, [steps for steps, _ in old], events)
    for number, ((steps, sha256), found) in enumerate(zip(old, new, strict=False)):
        if (steps, sha256) != (found["steps"], found["sha256"]):
            raise CheckFailedError(
                f"{cause + ' ' if cause else ''}Episode {number} of {run.id} did something else: {found['steps']} steps, sha256 "
                f"{found['sha256'][:12]} (recorded {steps} steps, {sha256[:12]})."
            )
    if len(old) != len(new):
        raise CheckFailedError(f"{run.id} has {len(old)} episodes, and doing it again {len(new)}.")
    steps = sum(count for count, _ in old)
    plans = sum(event.kind == "plan" for event in done)
    beside = f", {plans} plans made beside the plant" if plans else ""
    return f"{run.id} replays to the same session: {len(done)} events, {len(old)} episodes, {steps} steps{beside}"
