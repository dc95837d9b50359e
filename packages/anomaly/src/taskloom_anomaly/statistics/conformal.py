"""The guarantees of split-conformal p-values: thresholds, sizes of calibration sets, false discoveries.

An input's p-value over m calibration samples is one of 1 / (m + 1), ..., 1. At a false-positive rate a it is flagged if p <= a, that is if it
is among the k = floor(a (m + 1)) highest. Over calibration sets a normal input is flagged with a probability of at most a; the realised
rate of one calibration set is a draw of Beta(k, m + 1 - k) where scores have no ties (Vovk, 2012).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from taskloom.errors import ConfigError
from taskloom.statistics.distributions import beta_quantile
from taskloom.statistics.significance import benjamini_hochberg
from taskloom.statistics.special_functions import incomplete_beta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float

# A product such as 0.01 * 100 may fall short of the whole number that it is.
_SLACK = 1e-9
_MANY = 50_000


def require_rate(value: float, name: str = "--fpr") -> float:
    """Return a rate that lies strictly between 0 and 1.

    Raises:
        ConfigError: It does not.
    """
    if not 0 < value < 1:
        raise ConfigError(f"{name}={value:g} must lie between 0 and 1, such as 0.01.")
    return value


def allowed(rate: float, m: int) -> int:
    """Return k, the number of ranks that are flagged: p <= k / (m + 1).

    >>> allowed(0.01, 99), allowed(0.01, 98), allowed(0.05, 199)
    (1, 0, 10)
    """
    return math.floor(rate * (m + 1) + _SLACK)


def needed(rate: float) -> int:
    """Return the fewest calibration samples with which anything can be flagged at a rate.

    >>> needed(0.01), needed(0.05), needed(0.001)
    (99, 19, 999)
    """
    return math.ceil(1 / rate - _SLACK) - 1


def certain_ranks(rate: float, m: int, confidence: float) -> int:
    """Return the largest k for which the realised rate of this calibration set is at most `rate` with that confidence; 0 if none.

    >>> [certain_ranks(0.01, m, 0.95) for m in (298, 299, 500, 999, 1999, 4999)]
    [0, 1, 2, 5, 13, 39]
    """
    low, high = 0, allowed(rate, m)
    # The more ranks are flagged, the less certain the rate.
    while low < high:
        middle = (low + high + 1) // 2
        if incomplete_beta(middle, m + 1 - middle, rate) >= confidence:
            low = middle
        else:
            high = middle - 1
    return low


def certain_needed(rate: float, confidence: float) -> int:
    """Return the fewest calibration samples with which a rate can be kept with a confidence.

    >>> certain_needed(0.01, 0.95), certain_needed(0.05, 0.95), certain_needed(0.001, 0.95)
    (299, 59, 2995)
    """
    return math.ceil(math.log1p(-confidence) / math.log1p(-rate) - _SLACK)


def scale_part(m: int) -> int:
    """Return how many of m calibration samples put several scores on one scale where the others carry an exact threshold: a quarter."""
    return m // 4


def scaled_needed(carry: int) -> int:
    """Return the fewest calibration samples of which so many are left to carry a threshold.

    >>> scaled_needed(299), scaled_needed(3), scaled_needed(4)
    (398, 3, 5)
    """
    m = carry
    while m - scale_part(m) < carry:
        m += 1
    return m


def likely_rate(k: int, m: int, confidence: float = 0.95) -> float:
    """Return the bound below which the realised rate lies in a share `confidence` of calibration sets.

    >>> round(likely_rate(10, 999), 4), round(likely_rate(1, 99), 4), likely_rate(0, 50)
    (0.0157, 0.0298, 0.0)
    """
    return beta_quantile(confidence, k, m + 1 - k) if 0 < k <= m else float(k > m)


def count_band(n: int, k: int, m: int, level: float = 0.95) -> tuple[int, int]:
    """Return the central band of the number of normal inputs, of n, that are flagged: beta-binomial (n, k, m + 1 - k).

    A binomial band is too narrow: one calibration set has one realised rate, and it is a random one.

    >>> count_band(600, 1, 120)
    (0, 19)
    """
    if k < 1 or k > m:
        return (0, 0) if k < 1 else (n, n)
    tail = (1 - level) / 2
    if n > _MANY:
        # The rate is a draw, and of so many inputs the share that is flagged is the rate but for a few parts in a thousand.
        low, high = (beta_quantile(share, k, m + 1 - k) for share in (tail, 1 - tail))
        return math.floor(n * low), math.ceil(n * high)
    below = np.cumsum(beta_binomial(n, k, m + 1 - k))
    return int(np.searchsorted(below, tail)), int(np.searchsorted(below, 1 - tail))


def beta_binomial(n: int, a: float, b: float) -> Float[np.ndarray, " n+1"]:
    """Return the probabilities of 0 to n successes whose probability is a draw of Beta(a, b)."""
    found = np.empty(n + 1)
    # By ratios of neighbours from the mode outwards it would be exact too; logarithms cannot underflow.
    log = math.lgamma(n + b) - math.lgamma(n + a + b) + math.lgamma(a + b) - math.lgamma(b)
    found[0] = log
    counts = np.arange(n)
    steps = np.log((n - counts) * (counts + a)) - np.log((counts + 1) * (n - 1 - counts + b))
    found[1:] = log + np.cumsum(steps)
    mass = np.exp(found)
    return np.asarray(mass / mass.sum())


def discoveries(
    p: Sequence[float] | Float[np.ndarray, " n"], rate: float, method: str = "bh"
) -> Bool[np.ndarray, " n"]:
    """Return the inputs that are flagged so that the expected share of normal ones among them is at most `rate`.

    Args:
        p: p-values of all inputs together.
        rate: Expected share of false discoveries.
        method: `bh`, Benjamini and Hochberg (JRSS B 57, 1995), which holds for split-conformal p-values (Bates et al., Annals of Statistics
            51, 2023); `ebh` with the e-values 1 / (2 sqrt p) (Wang and Ramdas, JRSS B 84, 2022), which holds however they depend.

    >>> p = [.001, .008, .039, .041, .042, .06, .074, .205, .212, .216]
    >>> int(discoveries(p, .05).sum()), int(discoveries(p, .1).sum())
    (2, 6)
    """
    values = np.asarray(p, dtype=np.float64)
    if not len(values):
        return np.zeros(0, bool)
    if method == "bh":
        return np.asarray(np.asarray(benjamini_hochberg(values.tolist())) <= rate)
    evidence = 1 / (2 * np.sqrt(values))
    ordered = np.sort(evidence)[::-1]
    enough = np.flatnonzero(ordered >= len(values) / (rate * np.arange(1, len(values) + 1)))
    return evidence >= ordered[enough[-1]] if len(enough) else np.zeros(len(values), bool)


def fewest_to_discover(rate: float, n: int, m: int) -> int:
    """Return how many inputs of n must be at the least p-value, 1 / (m + 1), before any can be flagged at a false-discovery rate."""
    return math.ceil(n / (rate * (m + 1)) - _SLACK)


def uniformity(counts: Sequence[tuple[float, int]], m: int) -> float:
    """Return the Kolmogorov-Smirnov p-value of p-values against being uniform: small where inputs are not like the calibration samples.

    All inputs share one calibration set of m samples, so that the size that counts is that of two samples, n m / (n + m).

    Args:
        counts: p-values, each with the number of inputs that have it.
        m: Calibration samples.
    """
    n = sum(count for _, count in counts)
    if not n:
        return 1.0
    below, reach = 0, 0.0
    for p, count in sorted(counts):
        # p-values sit on a grid, and the uniform distribution on that grid is reached from above only.
        reach = max(reach, p - 1 / (m + 1) - below / n, (below + count) / n - p)
        below += count
    size = math.sqrt(n * m / (n + m))
    x = (size + 0.12 + 0.11 / size) * reach  # Stephens, JRSS B 32, 1970
    if x < 0.3:
        return 1.0
    return min(1.0, 2 * sum((-1) ** (j - 1) * math.exp(-2 * j * j * x * x) for j in range(1, 40)))
