"""A watch over a stream of p-values: betting that they are not uniform, with a bound on the chance of a false alarm at any time.

The pool holds the scores of the calibration samples. At step t, with u_t uniform,

    p_t = (#{pool > s_t} + u_t (#{pool = s_t} + 1)) / (|pool| + 1),      then s_t joins the pool.

While inputs and calibration samples are exchangeable, p_1, p_2, ... are independent and uniform (Vovk, 2002). Experts bet e(p) = 1 - a + a k p^(k - 1),
whose mean is one, and wake at a rate r:

    A_t = (A_{t-1} + r S_{t-1}) e(p_t),   S_t = (1 - r) S_{t-1},   A_0 = 0, S_0 = 1,

and M_t, the mean of A_t + S_t over all experts, is a martingale with M_0 = 1: it reaches 1 / alpha with a probability of at most alpha, ever (Ville, 1939).
With a pool that does not grow the bets are no martingale, and false alarms are many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

SHARES = (0.03, 0.1, 0.3, 1.0)
POWERS = (0.05, 0.2, 0.5)
RATES = (1e-2, 1e-3, 1e-4)
_LEAST = 1e-12


def log_bets(p: float) -> Float[np.ndarray, " experts"]:
    """Return the logarithm of each expert's bet on a p-value.

    >>> bool(log_bets(1e-6).max() > 0 > log_bets(0.9).max())
    True
    """
    value = max(p, _LEAST)
    shares, powers = np.repeat(SHARES, len(POWERS)), np.tile(POWERS, len(SHARES))
    with np.errstate(divide="ignore"):
        # In logarithms: of the smallest p a bet is 1e11, and a few of them are no float.
        return np.asarray(
            np.logaddexp(
                np.log1p(-shares), np.log(shares * powers) + (powers - 1) * math.log(value)
            )
        )


@dataclass
class Capital:
    """The capital of all experts, which raises an alarm when it is large.

    Attributes:
        alpha: Chance of a false alarm, over all time between two alarms; 0 where `mean_run` counts.
        mean_run: Steps to a false alarm in the mean, at least; 0 where `alpha` counts.
    """

    alpha: float = 0.01
    mean_run: float = 0.0
    _awake: Float[np.ndarray, "experts rates"] = field(default_factory=lambda: _asleep()[0])
    _asleep: Float[np.ndarray, "experts rates"] = field(default_factory=lambda: _asleep()[1])

    @property
    def log(self) -> float:
        """The natural logarithm of M_t, or of R_t where `mean_run` counts."""
        if self.mean_run:
            return float(_log_mean(self._awake[:, :1]))
        return float(_log_mean(np.logaddexp(self._awake, self._asleep)))

    @property
    def bar(self) -> float:
        """The natural logarithm of the capital that is an alarm."""
        return math.log(self.mean_run) if self.mean_run else -math.log(self.alpha)

    def step(self, p: float) -> bool:
        """Bet on a further p-value, and return whether that is an alarm; after one all capital is back at its start."""
        bets = log_bets(p)[:, None]
        if self.mean_run:
            # Every step a new expert starts with one: the sum of martingales grows by one a step (Shiryaev and Roberts).
            self._awake = np.logaddexp(self._awake, 0.0) + bets
        else:
            rates = np.log(RATES)
            self._awake = np.logaddexp(self._awake, rates + self._asleep) + bets
            self._asleep = self._asleep + np.log1p(-np.asarray(RATES))
        return self.log >= self.bar

    def restart(self) -> None:
        """Put all capital back at its start."""
        self._awake, self._asleep = _asleep()

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the next step depends on."""
        return {"awake": self._awake, "asleep": self._asleep}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to a state."""
        self._awake, self._asleep = np.array(state["awake"]), np.array(state["asleep"])


def _asleep() -> tuple[np.ndarray, np.ndarray]:
    shape = (len(SHARES) * len(POWERS), len(RATES))
    return np.full(shape, -np.inf), np.zeros(shape)


def _log_mean(values: np.ndarray) -> float:
    top = values.max()
    if top == -np.inf:
        return -np.inf
    return float(top + np.log(np.exp(values - top).mean()))


class Pool:
    """Scores in order, with those that join them: ranks in a few microseconds, eight bytes a score.

    Args:
        scores: The scores that it begins with.
    """

    # Recent scores wait in a small ordered array, so that the large one is not copied for every one of them.
    _WAITING = 512

    def __init__(self, scores: Float[np.ndarray, " m"]) -> None:
        self._main = np.sort(np.asarray(scores, np.float64))
        self._recent = np.empty(0)

    def __len__(self) -> int:
        """Return the number of scores."""
        return len(self._main) + len(self._recent)

    def p(self, score: float, uniform: float) -> float:
        """Return the p-value of a score with ties broken by a uniform number, and let the score join."""
        above = equal = 0
        for part in (self._main, self._recent):
            right = int(np.searchsorted(part, score, side="right"))
            above += len(part) - right
            equal += right - int(np.searchsorted(part, score, side="left"))
        found = (above + uniform * (equal + 1)) / (len(self) + 1)
        place = int(np.searchsorted(self._recent, score))
        self._recent = np.insert(self._recent, place, score)
        if len(self._recent) >= self._WAITING:
            # A stable merge of two ordered arrays: numpy's timsort runs through them once.
            self._main = np.sort(np.concatenate([self._main, self._recent]), kind="stable")
            self._recent = np.empty(0)
        return found

    def scores(self) -> Float[np.ndarray, " m"]:
        """Return all scores in order."""
        return np.sort(np.concatenate([self._main, self._recent]), kind="stable")
