"""`tasks hci evaluate`: a policy of one's own on fixed games."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.bound import BoundTask

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask


def evaluate(
    task: BoundTask[InteractionTask, HciConfig],
    policy: Annotated[Path, typer.Argument(help="A file of `train` or of `save_policy`.")],
) -> None:
    """Play the episodes of a task with a trained policy and with the task's own agent, and compare game by game."""
    from taskloom_hci.exports.evaluation import evaluation  # gymnasium is heavy

    for line in evaluation(task, policy):
        typer.echo(line)
