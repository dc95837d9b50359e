"""A task shared by a (simulated or real) user and an assistant. Every public name is imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

if TYPE_CHECKING:
    from taskloom_hci.batch.episodes import Episodes as Episodes
    from taskloom_hci.batch.play import play as play
    from taskloom_hci.bundle.agent import Agent as Agent
    from taskloom_hci.bundle.bundle import Bundle as Bundle
    from taskloom_hci.bundle.turns import StepResult as StepResult, Turn as Turn
    from taskloom_hci.config import HciConfig as HciConfig
    from taskloom_hci.driver import make_bundle as make_bundle, pair as pair
    from taskloom_hci.errors import HciError as HciError
    from taskloom_hci.models.model import UserModel as UserModel
    from taskloom_hci.state.elements import (
        Element as Element,
        array_element as array_element,
        cat_element as cat_element,
        discrete_array_element as discrete_array_element,
    )
    from taskloom_hci.state.state import State as State
    from taskloom_hci.task import InteractionTask as InteractionTask

# Where each public name lives. Importing them here would make every `tasks list` import NumPy and gymnasium.
_HOMES = {
    "taskloom_hci.bundle.agent": ("Agent",),
    "taskloom_hci.batch.episodes": ("Episodes",),
    "taskloom_hci.batch.play": ("play",),
    "taskloom_hci.bundle.bundle": ("Bundle",),
    "taskloom_hci.config": ("HciConfig",),
    "taskloom_hci.state.elements": (
        "Element",
        "array_element",
        "cat_element",
        "discrete_array_element",
    ),
    "taskloom_hci.errors": ("HciError",),
    "taskloom_hci.models.model": ("UserModel",),
    "taskloom_hci.driver": ("make_bundle", "pair"),
    "taskloom_hci.state.state": ("State",),
    "taskloom_hci.task": ("InteractionTask",),
    "taskloom_hci.bundle.turns": ("StepResult", "Turn"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF])  # noqa: PLE0605 -- a list all the same # pyright: ignore[reportUnsupportedDunderAll] -- built from _HOMES

__getattr__, __dir__ = lazy_names("taskloom_hci", _HOME_OF)
