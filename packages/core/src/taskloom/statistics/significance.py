"""Tests of no difference, and corrections where several are made.

Part of `taskloom.statistics`, which offers every name here. p-values go beside a difference and its interval, never alone.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from taskloom.statistics.distributions import student_quantile, student_two_sided
from taskloom.statistics.intervals import checked_level, checked_values, mean, sample_deviation
from taskloom.statistics.special_functions import incomplete_beta

if TYPE_CHECKING:
    from random import Random  # heavy, and only needed beyond twenty values

Correction = Literal["holm", "bh", "bonferroni", "none"]

# All sign patterns are counted up to here, beyond they are drawn.
MOST_EXACT = 20
# Sums that are equal in decimals differ in their last bits: .31 - .12 is not .19.
_TIE = 1e-12
# Signs are drawn in blocks whose sums stand in one table.
_BLOCK = 10


@dataclass(frozen=True, slots=True)
class PValue:
    """The two-sided p-value of no difference.

    Attributes:
        p: The p-value; None where the test is undefined, since nothing differs.
        method: Name to print beside it.
        n: Differences that the test used.
        level: The level it is held against: at 0.95 the bar is 0.05.
        smallest: The smallest p-value that so many differences can reach.
        notes: Words that must stand beside the figure: "n = 5 cannot reach 0.05".
    """

    p: float | None
    method: str
    n: int
    level: float
    smallest: float = 0.0
    notes: tuple[str, ...] = ()


def critical_t(n: int, *, level: float = 0.95) -> float:
    """Return the |t| beyond which Student's t test of n differences finds that their mean is not 0.

    Args:
        n: Number of differences, at least 2.
        level: The level that the test is held against.

    Example:
        >>> round(critical_t(10), 6)
        2.262157
    """
    return student_quantile((1 + checked_level(level)) / 2, n - 1)


def t_test(values: Sequence[float], *, level: float = 0.95, of: str = "seed") -> PValue:
    """Return the p-value of Student's t test that differences have mean 0.

    Args:
        values: One difference for each independent unit.
        level: The level it is held against.
        of: One unit in words.

    Raises:
        ValueError: There is no value, or one is not finite.

    Example:
        >>> round(t_test([1.0, 2.0, 3.0]).p, 9)
        0.0741799
    """
    sample = checked_values(values)
    checked_level(level)
    n = len(sample)
    if n == 1:
        return PValue(None, "t", 1, level, notes=(f"one {of} says nothing about others",))
    deviation = sample_deviation(sample)
    if deviation == 0:
        return PValue(None, "t", n, level, notes=(f"all {of}s equal",))
    statistic = mean(sample) / (deviation / math.sqrt(n))
    return PValue(student_two_sided(statistic, n - 1), "t", n, level)


def sign_flip_test(
    values: Sequence[float],
    *,
    level: float = 0.95,
    draws: int = 99_999,
    rng: Random | None = None,
) -> PValue:
    """Return the p-value of the sign-flip test: how often random signs give a sum as far from 0.

    Every one of the 2^n patterns counts up to n = 20; beyond that `draws` patterns are drawn and p = (b + 1) / (draws + 1).

    Args:
        values: One difference for each independent unit.
        level: The level it is held against.
        draws: Patterns drawn beyond n = 20.
        rng: Where they come from; without one, a generator of seed 0, so that the same data give the same p.

    Raises:
        ValueError: There is no value, or one is not finite.

    Source:
        Fisher, The Design of Experiments, 1935, section 21; (b + 1) / (m + 1): Phipson and Smyth 2010.

    Example:
        >>> sign_flip_test([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).p
        0.03125
    """
    sample = checked_values(values)
    alpha = 1 - checked_level(level)
    n = len(sample)
    # Only magnitudes matter to the distribution; sorted, so that the order cannot choose other draws.
    magnitudes = sorted(map(abs, sample))
    if magnitudes[-1] == 0:
        return PValue(None, "sign-flip", n, level, notes=("every difference is 0",))
    bar = abs(math.fsum(sample)) - _TIE * math.fsum(magnitudes)
    if n <= MOST_EXACT:
        p = _count_of_far_sums(magnitudes, bar) / 2**n
        smallest = 2.0 ** (1 - n)
        return PValue(p, "sign-flip, exact", n, level, smallest, _cannot_reach(n, smallest, alpha))
    p = (_drawn_far_sums(magnitudes, bar, draws, rng) + 1) / (draws + 1)
    smallest = 1 / (draws + 1)
    method = f"sign-flip, {draws:,} draws"
    return PValue(p, method, n, level, smallest, _cannot_reach(n, smallest, alpha))


def sign_test(values: Sequence[float], *, level: float = 0.95) -> PValue:
    """Return the p-value of the exact sign test: positive against negative differences, zeros dropped and counted.

    Args:
        values: One difference for each independent unit.
        level: The level it is held against.

    Raises:
        ValueError: There is no value, or one is not finite.

    Source:
        Arbuthnott 1710; Conover, Practical Nonparametric Statistics, 3rd edition, section 3.4.

    Example:
        >>> round(sign_test([1.0] * 8 + [-1.0] * 2).p, 9)
        0.109375
    """
    sample = checked_values(values)
    alpha = 1 - checked_level(level)
    positive, negative = sum(v > 0 for v in sample), sum(v < 0 for v in sample)
    n = positive + negative
    zeros = (f"{len(sample) - n} of {len(sample)} are 0 and dropped",) if n < len(sample) else ()
    if n == 0:
        return PValue(None, "sign", 0, level, notes=("every difference is 0",))
    more = max(positive, negative)
    # P(X >= more) of a fair coin is the incomplete beta function; evenly split, the two tails overlap.
    p = min(1.0, 2 * incomplete_beta(more, n - more + 1, 0.5)) if more > n / 2 else 1.0
    smallest = 2.0 ** (1 - n)
    return PValue(p, "sign, exact", n, level, smallest, zeros + _cannot_reach(n, smallest, alpha))


def mcnemar_test(first: Sequence[bool], second: Sequence[bool], *, level: float = 0.95) -> PValue:
    """Return the p-value of McNemar's exact test: pairs that only the first solved against those that only the second did.

    Args:
        first: One outcome for each independent unit.
        second: The other variant's outcome for the same units, in the same order.
        level: The level it is held against.

    Raises:
        ValueError: There is no pair, or the lengths differ.

    Source:
        McNemar, Psychometrika 12, 1947; exact as the binomial of the discordant pairs.

    Example:
        >>> round(mcnemar_test([True] * 5 + [False], [False] * 5 + [True]).p, 12)
        0.21875
    """
    if len(first) != len(second):
        raise ValueError(f"Pairs need two outcomes each, not {len(first)} and {len(second)}.")
    # Concordant pairs say nothing about which variant is better, as ties say nothing to the sign test.
    found = sign_test(
        [float(a) - float(b) for a, b in zip(first, second, strict=True)], level=level
    )
    agreeing = (
        (f"{len(first) - found.n} of {len(first)} pairs agree",) if found.n < len(first) else ()
    )
    notes = agreeing + tuple(note for note in found.notes if "cannot reach" in note)
    return replace(found, method="McNemar, exact", notes=notes)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down method, which bounds the chance of any false finding.

    Raises:
        ValueError: A p-value lies outside [0, 1].

    Source:
        Holm, Scandinavian Journal of Statistics 6, 1979.

    Example:
        >>> [round(p, 9) for p in holm([0.001, 0.04, 0.03, 0.005, 0.5])]
        [0.005, 0.09, 0.09, 0.02, 0.5]
    """
    order = _order(p_values)
    adjusted = [0.0] * len(order)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by the step-up method that bounds the expected share of false findings.

    Raises:
        ValueError: A p-value lies outside [0, 1].

    Source:
        Benjamini and Hochberg, JRSS B 57, 1995.

    Example:
        >>> [round(p, 9) for p in benjamini_hochberg([0.001, 0.04, 0.03, 0.005, 0.5])]
        [0.005, 0.05, 0.05, 0.0125, 0.5]
    """
    order = _order(p_values)
    adjusted = [0.0] * len(order)
    least = 1.0
    for rank in range(len(order), 0, -1):
        index = order[rank - 1]
        least = min(least, len(order) / rank * p_values[index])
        adjusted[index] = least
    return adjusted


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Return p-values times their number, at most 1.

    Raises:
        ValueError: A p-value lies outside [0, 1].

    Example:
        >>> bonferroni([0.01, 0.5])
        [0.02, 1.0]
    """
    _order(p_values)
    return [min(1.0, len(p_values) * p) for p in p_values]


def adjust(p_values: Sequence[float], method: Correction = "holm") -> list[float]:
    """Return the p-values of one family, adjusted by the named method.

    Args:
        p_values: All p-values of one call.
        method: `holm`, `bh`, `bonferroni` or `none`.

    Raises:
        ValueError: The method is unknown, or a p-value lies outside [0, 1].

    Example:
        >>> adjust([0.01, 0.04])
        [0.02, 0.04]
    """
    if method == "none":
        _order(p_values)
        return list(p_values)
    known = {"holm": holm, "bh": benjamini_hochberg, "bonferroni": bonferroni}
    if method not in known:
        raise ValueError(f"{method!r} is no correction: use holm, bh, bonferroni or none.")
    return known[method](p_values)


def family_level(level: float, comparisons: int) -> float:
    """Return the level of each interval so that all of a family cover together (Bonferroni).

    Raises:
        ValueError: The level is no probability, or there is no comparison.

    Example:
        >>> round(family_level(0.95, 5), 9)
        0.99
    """
    if comparisons < 1:
        raise ValueError(f"A family needs at least one comparison, not {comparisons}.")
    return 1 - (1 - checked_level(level)) / comparisons


def _count_of_far_sums(magnitudes: Sequence[float], bar: float) -> int:
    """Return how many of all sign patterns have a sum at least `bar` from 0.

    Half of the values give at most 2^10 sums, sorted; for each sum of the other half the far ones are found by bisection.
    """
    # Interleaved halves have sums of like size, which keeps the counts of both sides short.
    left, right = _sums(magnitudes[::2]), sorted(_sums(magnitudes[1::2]))
    if bar <= 0:
        return len(left) * len(right)
    above = sum(len(right) - bisect_left(right, bar - total) for total in left)
    below = sum(bisect_right(right, -bar - total) for total in left)
    return above + below


def _drawn_far_sums(magnitudes: Sequence[float], bar: float, draws: int, rng: Random | None) -> int:
    if rng is None:
        from random import Random  # heavy, and seldom needed

        rng = Random(0)
    tables = [_sums(magnitudes[i : i + _BLOCK]) for i in range(0, len(magnitudes), _BLOCK)]
    masks = [len(table) - 1 for table in tables]
    far = 0
    for _ in range(draws):
        bits = rng.getrandbits(len(magnitudes))
        total = 0.0
        for table, mask in zip(tables, masks, strict=True):
            total += table[bits & mask]
            bits >>= _BLOCK
        far += abs(total) >= bar
    return far


def _sums(magnitudes: Sequence[float]) -> list[float]:
    """Return the sums of all sign patterns, 2^n of them."""
    sums = [0.0]
    for magnitude in magnitudes:
        sums = [total - magnitude for total in sums] + [total + magnitude for total in sums]
    return sums


def _cannot_reach(n: int, smallest: float, alpha: float) -> tuple[str, ...]:
    # 1 - 0.95 is a little above 0.05; the words name what the reader asked for.
    return (f"n = {n} cannot reach {alpha:.3g}",) if smallest > alpha * (1 + 1e-9) else ()


def _order(p_values: Sequence[float]) -> list[int]:
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"A p-value lies between 0 and 1, not {p}.")
    return sorted(range(len(p_values)), key=lambda index: p_values[index])
