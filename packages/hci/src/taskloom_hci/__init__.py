"""A task shared by a (simulated or real) user and an assistant. Every public name is imported when first used."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskloom_hci.agent import Agent as Agent
    from taskloom_hci.batch.episodes import Episodes as Episodes
    from taskloom_hci.batch.play import play as play
    from taskloom_hci.bundle import Bundle as Bundle
    from taskloom_hci.config import HciConfig as HciConfig
    from taskloom_hci.elements import (
        Element as Element,
        array_element as array_element,
        cat_element as cat_element,
        discrete_array_element as discrete_array_element,
    )
    from taskloom_hci.errors import HciError as HciError
    from taskloom_hci.models.model import UserModel as UserModel
    from taskloom_hci.run import HciTask as HciTask
    from taskloom_hci.shipped import make_bundle as make_bundle
    from taskloom_hci.state import State as State
    from taskloom_hci.task import InteractionTask as InteractionTask
    from taskloom_hci.turns import StepResult as StepResult, Turn as Turn

# Where each public name lives. Importing them here would make every `tasks list` import NumPy and gymnasium.
_HOMES = {
    "taskloom_hci.agent": ("Agent",),
    "taskloom_hci.batch.episodes": ("Episodes",),
    "taskloom_hci.batch.play": ("play",),
    "taskloom_hci.bundle": ("Bundle",),
    "taskloom_hci.config": ("HciConfig",),
    "taskloom_hci.elements": ("Element", "array_element", "cat_element", "discrete_array_element"),
    "taskloom_hci.errors": ("HciError",),
    "taskloom_hci.models.model": ("UserModel",),
    "taskloom_hci.run": ("HciTask",),
    "taskloom_hci.shipped": ("make_bundle",),
    "taskloom_hci.state": ("State",),
    "taskloom_hci.task": ("InteractionTask",),
    "taskloom_hci.turns": ("StepResult", "Turn"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF])  # noqa: PLE0605 -- a list all the same # pyright: ignore[reportUnsupportedDunderAll] -- built from _HOMES


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'taskloom_hci' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
