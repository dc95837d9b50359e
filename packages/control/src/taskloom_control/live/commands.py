"""Settings of a live session as the command that runs with them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from taskloom.report.choices import choices_in, differing

if TYPE_CHECKING:
    from taskloom import Config

    from taskloom_control.bench.variants import Bound


def command_of(task: Bound, config: Config) -> str:
    """Return the shortest `tasks run` line that gives a config, from the task's defaults.

    Args:
        task: The task.
        config: The config, of its class.
    """
    given = task.given
    if given is not None and given.spelled:
        words = [given.spelled]
    else:
        words = list(task.name.split("/", 1))
    options = [
        f"--{choice.parameter.path}={choice.text}" for choice in differing(choices_in(config))
    ]
    return shlex.join(["tasks", "run", *words, *options])
