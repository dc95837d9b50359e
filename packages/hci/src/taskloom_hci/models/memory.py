"""Exponential forgetting: how likely an item is recalled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from taskloom.moved import moved_names
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.models.model import Arrays, Column, Float, UserModel, namespace, safe_log
from taskloom_hci.models.parameters import Prior, UserParameter

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
    xp = namespace(forgetting, repetition)
    rate = xp.asarray(forgetting) * (1.0 - xp.asarray(repetition)) ** (np.maximum(seen, 1) - 1.0)
    # An item never seen has no rate: that of n = 1 stands in, and is hidden here.
    recalled: Float = xp.where(np.asarray(seen) > 0, -rate * np.asarray(ago), -xp.inf)
    return recalled


class MemoryModel(UserModel):
    """Answers right (1) with the probability of recall, and wrong (0) otherwise.

    Args:
        forgetting: Rate alpha [1/s].
        repetition: Share beta by which every further presentation lowers the rate.
    """

    hidden = ("seen", "ago")
    has_history = True
    parameters = (
        UserParameter(
            "forgetting", "log", Prior("lognormal", math.log(0.01), 1.0, 1e-4, 1.0), math.log(0.01)
        ),
        UserParameter("repetition", "logit", Prior("uniform", 0.0, 1.0), 0.0),
    )
    columns = (
        Column("item", "task_state__item", whole=True),
        Column("time", "task_state__time"),
    )

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
        log_p = log_recall(
            np.asarray(source["seen"]),
            np.asarray(source["ago"]),
            source.get("forgetting", self.forgetting),
            source.get("repetition", self.repetition),
        )
        xp = namespace(log_p)
        recall = xp.exp(log_p)
        return safe_log(xp.stack([1.0 - recall, recall], axis=-1))

    @override
    def situations(self, table: Arrays, before: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """Return how often the item of each answer had been seen before, and how long ago [s]: 0 for the first time.

        An item below 0 was never shown: nothing is recalled then, whatever the parameters.
        """
        count, last = dict[int, int](), dict[int, float]()
        seen, ago = np.zeros(len(before), dtype=np.int64), np.zeros(len(before))
        # A memory has no closed form over rounds of any order: it is kept answer by answer.
        for row, (item, now) in enumerate(zip(table["item"], table["time"], strict=True)):
            if not before[row]:
                count, last = {}, {}
            if item < 0:
                continue
            seen[row] = count.get(int(item), 0)
            ago[row] = float(now) - last[int(item)] if seen[row] else 0.0
            count[int(item)], last[int(item)] = int(seen[row]) + 1, float(now)
        return {"seen": seen, "ago": ago}
