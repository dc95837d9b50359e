"""Parameters of a user model that data can tell: names, bounds, the line that they are put on, and what is believed before.

A parameter x lives on the line of `z`, where a population is normal: `z = log(x / (1 - x))` for a share, `z = log x` for
a positive number.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from taskloom.registry.suggest import did_you_mean
from taskloom.statistics.distributions import beta_quantile, normal_quantile
from taskloom.statistics.special_functions import incomplete_beta

from taskloom_hci.errors import HciError

Float: TypeAlias = NDArray[np.float64]
Law: TypeAlias = Literal["uniform", "beta", "normal", "lognormal"]
Line: TypeAlias = Literal["logit", "log", "identity"]

LAWS: tuple[Law, ...] = ("uniform", "beta", "normal", "lognormal")
_DOMAINS: dict[Line, tuple[float, float]] = {
    "logit": (0.0, 1.0),
    "log": (0.0, math.inf),
    "identity": (-math.inf, math.inf),
}


@dataclass(frozen=True, slots=True)
class Prior:
    """A distribution over the values of a parameter, cut to an interval.

    Attributes:
        law: `uniform(low, high)`, `beta(a, b)`, `normal(mean, sd)` or `lognormal(mean, sd)` of the logarithm.
        first: Its first number.
        second: Its second number.
        low: Lowest value; what lies below is cut off.
        high: Highest value.

    Example:
        >>> Prior("uniform", 0.0, 0.5).cdf([0.1, 0.25]).tolist()
        [0.2, 0.5]
    """

    law: Law
    first: float
    second: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        # Written so that a NaN fails as well.
        if self.law == "uniform":
            fits = self.first < self.second
        else:
            fits = self.second > 0 and (self.law != "beta" or self.first > 0)
        if not fits or not self.low < self.high:
            raise HciError(f"{self} is no distribution.")

    def __str__(self) -> str:
        numbers = [self.first, self.second]
        if self.law in {"normal", "lognormal"} and self.support() != self._natural():
            numbers += [self.low, self.high]
        return f"{self.law}({', '.join(f'{number:g}' for number in numbers)})"

    def support(self) -> tuple[float, float]:
        """Return the lowest and the highest value that it allows."""
        low, high = self._natural()
        return max(low, self.low), min(high, self.high)

    def _natural(self) -> tuple[float, float]:
        if self.law == "uniform":
            return self.first, self.second
        return {"beta": (0.0, 1.0), "lognormal": (0.0, math.inf)}.get(
            self.law, (-math.inf, math.inf)
        )

    def cdf(self, values: ArrayLike) -> Float:
        """Return the probability of at most each value, (...)."""
        # The law between its cuts, scaled to a mass of 1; number by number, since the special functions are scalar.
        low, high = (self._uncut(end) for end in self.support())
        flat = np.ravel(np.asarray(values, dtype=np.float64))
        p = np.array([self._uncut(float(value)) for value in flat]).reshape(np.shape(values))
        return np.asarray(np.clip((p - low) / (high - low), 0.0, 1.0))

    def quantile(self, shares: ArrayLike) -> Float:
        """Return the values that lie above each share of the probability, (...)."""
        low, high = (self._uncut(end) for end in self.support())
        flat = low + np.ravel(np.asarray(shares, dtype=np.float64)) * (high - low)
        found = np.array([self._uncut_quantile(float(p)) for p in flat])
        return np.asarray(np.clip(found, *self.support()).reshape(np.shape(shares)))

    def _uncut(self, value: float) -> float:
        low, high = self._natural()
        if value <= low or value >= high:
            return float(value >= high)
        if self.law == "uniform":
            return (value - low) / (high - low)
        if self.law == "beta":
            return incomplete_beta(self.first, self.second, value)
        where = math.log(value) if self.law == "lognormal" else value
        return NormalDist(self.first, self.second).cdf(where)

    def _uncut_quantile(self, p: float) -> float:
        low, high = self._natural()
        if p <= 0.0 or p >= 1.0:
            return high if p >= 1.0 else low
        if self.law == "uniform":
            return low + p * (high - low)
        if self.law == "beta":
            return beta_quantile(p, self.first, self.second)
        where = self.first + self.second * normal_quantile(p)
        return math.exp(where) if self.law == "lognormal" else where


@dataclass(frozen=True, slots=True)
class UserParameter:
    """One number of a user that data can tell.

    Attributes:
        name: Its name: the field of the user, and the entry of theta that the model reads.
        line: The line it is put on: `logit` of a share, `log` of a positive number, or itself.
        prior: What is believed of one person before any data.
        centre: Centre of a population on that line, before any data.
    """

    name: str
    line: Line
    prior: Prior
    centre: float

    def on_line(self, values: ArrayLike) -> Float:
        """Return where values (...) lie on the line; infinite at the ends of a share."""
        x = np.asarray(values, dtype=np.float64)
        with np.errstate(divide="ignore"):
            if self.line == "logit":
                # Two logarithms: 1 - x loses the digits of a small x, `log1p` does not.
                return np.asarray(np.log(x) - np.log1p(-x))
            return np.asarray(np.log(x) if self.line == "log" else x)

    def values(self, z: ArrayLike) -> Float:
        """Return the values of places on the line (...)."""
        where = np.asarray(z, dtype=np.float64)
        if self.line == "logit":
            # By the hyperbolic tangent, which overflows nowhere.
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * where)))
        return np.asarray(np.exp(where) if self.line == "log" else where)

    def believing(self, prior: Prior) -> UserParameter:
        """Return the same parameter with another prior.

        Raises:
            HciError: If it allows values that the parameter cannot have.
        """
        low, high = _DOMAINS[self.line]
        if prior.law in {"normal", "lognormal"}:
            prior = replace(prior, low=max(prior.low, low), high=min(prior.high, high))
        least, most = prior.support()
        if least < low or most > high:
            raise HciError(
                f"The prior {prior} of '{self.name}' reaches beyond its values, {low:g} to {high:g}."
            )
        return replace(self, prior=prior)


LAPSE = UserParameter("lapse", "logit", Prior("beta", 1.0, 19.0), math.log(0.02 / 0.98))
"""The lapse, where it is inferred as well."""


def parse_prior(text: str) -> Prior:
    """Return the prior that a text such as `beta(1, 19)` names; two more numbers cut a normal or lognormal one.

    Raises:
        HciError: If it names none.

    Example:
        >>> parse_prior("lognormal(0, 1, .02, 20)").support()
        (0.02, 20.0)
    """
    found = re.fullmatch(r"\s*([a-z]+)\s*\(([^()]*)\)\s*", text)
    if found is None:
        raise HciError(f"'{text}' is no prior: write one like beta(1,19) or uniform(0,.5).")
    law, inside = found.groups()
    if law not in LAWS:
        raise HciError(
            f"There is no prior '{law}', only {', '.join(LAWS)}: {did_you_mean(law, LAWS)}".rstrip(
                ": "
            )
        )
    try:
        numbers = [float(word) for word in inside.split(",")]
    except ValueError:
        raise HciError(f"The numbers of the prior '{text}' cannot be read.") from None
    allowed = {2, 4} if law in {"normal", "lognormal"} else {2}
    if len(numbers) not in allowed or any(math.isnan(number) for number in numbers):
        raise HciError(f"The prior '{law}' takes two numbers, not '{inside}'.")
    return Prior(LAWS[LAWS.index(law)], *numbers)
