"""The shipped tasks by name, as games."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, get_type_hints

from taskloom_hci.domain import DOMAIN
from taskloom_hci.errors import UnknownKeyError

if TYPE_CHECKING:
    from taskloom_hci.bundle import Bundle
    from taskloom_hci.run import HciTask


def make_task(name: str, **config: Any) -> HciTask[Any]:  # noqa: ANN401 -- the task's own config
    """Return a shipped task with a config.

    Raises:
        UnknownKeyError: If no task has this name.
    """
    targets = {task.name: task.target for task in DOMAIN.tasks}
    if name not in targets:
        raise UnknownKeyError(f"There is no hci task '{name}'; there are {', '.join(targets)}.")
    module, attribute = targets[name].split(":")
    factory = getattr(import_module(module), attribute)
    made: HciTask[Any] = factory(get_type_hints(factory.__init__)["config"](**config))
    return made


def make_bundle(name: str, *, seed: int = 0, **config: Any) -> Bundle:  # noqa: ANN401
    """Return the game of a shipped task with its two agents.

    Args:
        name: The task's name.
        seed: Root of all random numbers.
        config: Entries of the task's config: `assistant={"kind": "big"}`.
    """
    return make_task(name, **config).bundle(seed)
