"""The seed's wrappers for reinforcement learning: they are environments of this package."""

# ruff: noqa: ANN401, N802 -- the signatures of the seed system

from __future__ import annotations

from typing import Any

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.compat.keywords import seed_keywords
from taskloom_hci.errors import HciError
from taskloom_hci.exports.env import GameEnv


@seed_keywords(
    reset_turn="a learner is asked at its own turn",
    reset_dic="give `env.reset(options={'forced': ...})`",
    filter_observation="make the agent with the observation engine that it should have",
)
def TrainGym(bundle: Bundle, *, train_user: bool = False, train_assistant: bool = False) -> GameEnv:
    """Return a game in which one of its agents learns, as a gymnasium environment; see `exports.env.GameEnv`.

    Args:
        bundle: The game.
        train_user: The user learns.
        train_assistant: The assistant learns.

    Raises:
        HciError: If none of them learns or both do.
    """
    if train_user == train_assistant:
        raise HciError(
            "TrainGym trains the user or the assistant: give one of 'train_user' and 'train_assistant', or take "
            "taskloom_hci.exports.zoo.GameAEC for both."
        )
    return GameEnv(bundle, "user" if train_user else "assistant")


GymWrapper = TrainGym


def PettingZooWrapper(bundle: Bundle, **options: Any) -> Any:
    """Return a game in turns for PettingZoo; see `exports.zoo.GameAEC`."""
    from taskloom_hci.exports.zoo import GameAEC  # heavy: pettingzoo

    return GameAEC(bundle, **options)
