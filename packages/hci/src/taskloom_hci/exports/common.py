"""Parts that all environments of a game for learners share: the seed, the opening, and the weights of rewards.

The opening is what a game earns between its reset and the learner's first turn. An environment adds it to the reward of the first
step, or only tells it in `info["opening"]`; it is never in both places.
"""

# ruff: noqa: ANN401 -- tasks of a user's own are of any type

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from taskloom.registry.suggest import did_you_mean

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.errors import HciError

Opening: TypeAlias = Literal["first_step", "info"]

PATIENCE = 1000  # episodes in a row that may end before the learner acts
LIMIT = 1000  # rounds of a game that has no limit of its own, where an environment needs one


def seed_of(bundle: Bundle, given: int | None) -> int:
    """Return the seed of an environment before its first reset: the one given to it, the bundle's, or a fresh one of 128 bits."""
    if given is not None:
        return given
    if bundle.is_seeded:
        return bundle.seed
    entropy = np.random.SeedSequence().entropy
    assert isinstance(entropy, int)  # drawn from the operating system, it is one number
    return entropy


def require_opening(opening: str) -> None:
    """Raise unless the opening has a place of that name."""
    if opening not in get_args(Opening):
        raise HciError(
            f"The opening goes into the 'first_step' or only into 'info', not {opening!r}."
        )


def require_weights(weights: Mapping[str, float] | None) -> dict[str, float]:
    """Return the weights of single rewards.

    Raises:
        HciError: If there is no reward of a name, or a weight is no finite number.
    """
    found = dict(weights or {})
    for name, weight in found.items():
        if name not in REWARD_NAMES:
            near = did_you_mean(name, REWARD_NAMES) or f"there are {', '.join(REWARD_NAMES)}."
            raise HciError(f"There is no reward '{name}' to weight: {near}")
        if not np.isfinite(weight):
            raise HciError(f"The weight of '{name}' is a finite number, not {weight!r}.")
    return found


def weighted(rewards: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the sum of rewards, those with a weight times it."""
    total = sum(rewards.values())
    for name, weight in weights.items():
        total += (weight - 1.0) * rewards[name]
    return total


def legal_actions(bundle: Bundle, role: str) -> NDArray[np.bool_] | None:
    """Return which actions a task allows now, if it says so by a method `legal(role)`; else None."""
    legal = getattr(bundle.task, "legal", None)
    return None if legal is None else np.asarray(legal(role), dtype=np.bool_)


class Masked:
    """Base of the environments that have `action_masks` where the task has a rule, and only there: learners ask whether it exists."""

    def __getattr__(self, name: str) -> Any:
        # By the dict: a copy is asked for its names before it has any.
        bundle = self.__dict__.get("bundle")
        if name == "action_masks" and hasattr(getattr(bundle, "task", None), "legal"):
            return self._masks
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


def forced_in(options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the values that the options of a reset force."""
    return (options or {}).get("forced")
