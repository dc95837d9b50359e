"""The controller of a run, made again from its config: what `Run.load("controller")` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from taskloom.opening import rebuilt_task
from taskloom.seeding import derive_seed

from taskloom_control.planning.controller import Controller

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_control.config import ControlConfig


def controller_of(run: Run) -> Controller:
    """Return the controller of a run as it was before its first plan: the same plans follow from the same states.

    Args:
        run: The run.

    Raises:
        RunCorruptError: A model that the config names has changed since.
        ConfigError: The task has changed its version or its parameters since.
    """
    bound = rebuilt_task(run)
    config = cast("ControlConfig", bound.config)  # the run is one of this domain
    return Controller(bound.copy(), config, derive_seed(config.seed, "plan"))
