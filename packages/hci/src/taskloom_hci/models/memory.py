"""Exponential forgetting: how likely an item is recalled."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from taskloom.moved import moved_names

from taskloom_hci.errors import HciError
from taskloom_hci.models.model import Arrays, Float, UserModel, safe_log

__getattr__ = moved_names(__name__)  # the model was called as its user now is


def log_recall(
    seen: ArrayLike, ago: ArrayLike, forgetting: ArrayLike, repetition: ArrayLike
) -> Float:
    """Return the log-probability of recalling items, `-alpha (1 - beta)**(n - 1) dt`; -inf for what was never seen.

    Args:
        seen: How often each was seen, n.
        ago: How long ago it was seen last, dt [s].
        forgetting: alpha [1/s].
        repetition: beta.
    """
    rate = np.asarray(forgetting) * (1.0 - np.asarray(repetition)) ** (np.maximum(seen, 1) - 1.0)
    # An item never seen has no rate: that of n = 1 stands in, and is hidden here.
    return np.where(np.asarray(seen) > 0, -rate * np.asarray(ago), -np.inf)


class MemoryModel(UserModel):
    """Answers right (1) with the probability of recall, and wrong (0) otherwise.

    Args:
        forgetting: Rate alpha [1/s].
        repetition: Share beta by which every further presentation lowers the rate.
    """

    hidden = ("seen", "ago")

    def __init__(self, forgetting: float = 0.01, repetition: float = 0.2) -> None:
        if not (forgetting > 0.0 and 0.0 <= repetition < 1.0):
            raise HciError(
                f"Forgetting is positive and repetition in [0, 1), not {forgetting} and {repetition}."
            )
        self.forgetting, self.repetition = forgetting, repetition
        self.actions = np.arange(2)

    def log_prob(self, observation: Arrays, theta: Arrays) -> Float:
        """Return log-probabilities (..., 2); `theta` may hold `forgetting` and `repetition` to infer them."""
        source = {**observation, **theta}
        recall = np.exp(
            log_recall(
                np.asarray(source["seen"]),
                np.asarray(source["ago"]),
                source.get("forgetting", self.forgetting),
                source.get("repetition", self.repetition),
            )
        )
        return safe_log(np.stack([1.0 - recall, recall], axis=-1))
