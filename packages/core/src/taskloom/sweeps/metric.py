"""Check of the name of a metric before anything is run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from fnmatch import fnmatchcase

from taskloom.config import Config
from taskloom.errors import TaskloomError, UnknownNameError
from taskloom.lifecycle.lifecycle import construct
from taskloom.registry.entries import LoadedTask
from taskloom.registry.resolve import metrics_of
from taskloom.registry.suggest import did_you_mean


def check_metric(
    loaded: LoadedTask, metric: str, config: Callable[[], Config], option: str
) -> None:
    """Refuse a metric that the driver of the domain does not report; a task that runs itself may report any.

    Args:
        loaded: The task.
        metric: The name.
        config: Returns a config of the task.
        option: What named it, for the message.

    Raises:
        UnknownNameError: So it is; nothing has been run.
    """
    names = metrics_of(loaded)
    if not names or any(fnmatchcase(metric, name) for name in names):
        return
    with contextlib.suppress(TaskloomError):  # told of when the task runs
        if construct(loaded, config()).driver is None:
            return
    near = did_you_mean(metric, [name for name in names if "*" not in name])
    shown = ", ".join(name.replace("*", "NAME") for name in names)
    raise UnknownNameError(
        f"{option}: runs of {loaded.entry.domain} have no metric '{metric}'; they have {shown}.",
        hint=near,
    )
