"""The shipped tasks by name, as games."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_type_hints

from taskloom_hci.domain import DOMAIN
from taskloom_hci.errors import UnknownKeyError

if TYPE_CHECKING:
    from taskloom_hci.bundle.bundle import Bundle
    from taskloom_hci.driver import HciTask


def factory_of(name: str) -> type[HciTask[Any]]:
    """Return the class of a shipped task.

    Raises:
        UnknownKeyError: If no task has this name.
    """
    targets = {task.name: task.target for task in DOMAIN.tasks}
    if name not in targets:
        close = get_close_matches(name, targets, 1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UnknownKeyError(
            f"There is no hci task '{name}'; there are {', '.join(targets)}.{hint}"
        )
    module, attribute = targets[name].split(":")
    factory: type[HciTask[Any]] = getattr(import_module(module), attribute)
    return factory


def make_task(name: str, **config: Any) -> HciTask[Any]:
    """Return a shipped task with a config; see `factory_of`."""
    factory = factory_of(name)
    return factory(get_type_hints(factory.__init__)["config"](**config))


def make_bundle(name: str, *, seed: int = 0, **config: Any) -> Bundle:
    """Return the game of a shipped task with its two agents.

    Args:
        name: The task's name.
        seed: Root of all random numbers.
        config: Entries of the task's config: `assistant={"kind": "big"}`.
    """
    return make_task(name, **config).bundle(seed)
