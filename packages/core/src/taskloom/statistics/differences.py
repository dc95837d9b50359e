"""Differences of two variants: paired over common seeds, and levels of a factor averaged within each seed.

Part of `taskloom.statistics`, which offers every name here. With factors F and seeds b as blocks, let y[c, b] be the metric
of cell c. Levels A and B are compared by d_b, the average over the other factors of y[A, ., b] - y[B, ., b], and a t
interval over the d_b of common seeds. Cells of one seed are not independent: 4 tasks x 5 seeds taken as twenty cover 78 %
instead of 95 %.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from taskloom.statistics.distributions import student_quantile, student_two_sided
from taskloom.statistics.intervals import (
    Interval,
    checked_values,
    mean,
    mean_interval,
    sample_deviation,
)

_ROUNDING = (
    4 * sys.float_info.epsilon
)  # of the values: half an epsilon for each of two results, and of two differences
Seed = TypeVar("Seed", bound=Hashable)
Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Difference:
    """The first variant less the second.

    Attributes:
        interval: The difference of the means with its interval; its method and notes are those to print.
        first: Mean of the first variant over the seeds that were used.
        second: Mean of the second variant over the seeds that were used.
        paired: True if the seeds are common.
        p: Two-sided p-value of no difference; None where the test is undefined, as for differences that are all equal.
        left_out_first: Seeds that only the first variant has, as text.
        left_out_second: Seeds that only the second variant has, as text.
    """

    interval: Interval
    first: float
    second: float
    paired: bool
    p: float | None = None
    left_out_first: tuple[str, ...] = ()
    left_out_second: tuple[str, ...] = ()

    @property
    def all_equal(self) -> bool:
        """Equality of every pair, which is more than a difference of 0."""
        return self.paired and self.interval.standard_error == 0 and self.interval.estimate == 0


@dataclass(frozen=True, slots=True)
class LevelValues:
    """One level of a factor, averaged over its cells within each seed.

    Attributes:
        values: The average of each seed that every cell has.
        cells: Number of cells averaged.
        left_out: Seeds that some cell lacks, as text.
    """

    values: Mapping[Hashable, float]
    cells: int
    left_out: tuple[str, ...] = ()


def paired_difference(
    first: Mapping[Seed, float],
    second: Mapping[Seed, float],
    *,
    level: float = 0.95,
    of: str = "seed",
) -> Difference:
    """Return first - second with a t interval over common seeds; Welch's, and said so, where none are common.

    Args:
        first: One number a seed (or other unit: an episode by its key).
        second: The same for the other variant.
        level: Nominal coverage.
        of: One unit in words.

    Raises:
        ValueError: A variant is empty, or a value is not finite.

    Source:
        Student 1908; Welch, "The generalization of Student's problem", Biometrika 34, 1947.

    Example:
        >>> difference = paired_difference({0: 3.0, 1: 5.0, 2: 7.0}, {0: 2.0, 1: 3.0, 2: 4.0})
        >>> difference.interval.estimate, round(difference.interval.half_width, 8)
        (2.0, 2.48413771)
    """
    if not first or not second:
        raise ValueError(f"A difference needs at least one {of} of each variant.")
    common = [seed for seed in first if seed in second]
    if not common:
        return _welch(list(first.values()), list(second.values()), level, of)
    ours = checked_values([first[seed] for seed in common])
    theirs = checked_values([second[seed] for seed in common])
    differences = _subtracted(ours, theirs)
    interval = mean_interval(differences, level=level, of=of)
    only_first = _names(seed for seed in first if seed not in second)
    only_second = _names(seed for seed in second if seed not in first)
    notes = (
        interval.notes + _left_out("first", of, only_first) + _left_out("second", of, only_second)
    )
    # Equal differences have s = 0 and no t: "identical", or an interval of width 0, but never a p-value.
    p = _p_of_t(interval.estimate, interval.standard_error, interval.n - 1)
    renamed = replace(interval, method="t, paired", notes=notes)
    return Difference(renamed, mean(ours), mean(theirs), True, p, only_first, only_second)


def average_within_seed(cells: Mapping[Cell, Mapping[Seed, float]]) -> LevelValues:
    """Return the average over a level's cells within each seed, over the seeds that every cell has.

    Args:
        cells: For each combination of the other factors, one number a seed.

    Raises:
        ValueError: There is no cell.

    Example:
        >>> level = average_within_seed({"easy": {0: 1.0, 1: 2.0}, "hard": {0: 3.0}})
        >>> level.values, level.left_out
        ({0: 2.0}, ('1',))
    """
    if not cells:
        raise ValueError("A level needs at least one cell.")
    columns = list(cells.values())
    seeds = list(dict.fromkeys(seed for column in columns for seed in column))
    complete = [seed for seed in seeds if all(seed in column for column in columns)]
    values: dict[Hashable, float] = {
        seed: mean([column[seed] for column in columns]) for seed in complete
    }
    return LevelValues(values, len(columns), _names(seed for seed in seeds if seed not in values))


def seed_differences(
    first: Mapping[Cell, Mapping[Seed, float]], second: Mapping[Cell, Mapping[Seed, float]]
) -> dict[Hashable, float]:
    """Return d_b of every complete common seed b, in the order of the first level: what a paired test or a look takes.

    Args:
        first: The cells of the first level: for each combination of the other factors, one number a seed.
        second: The cells of the second level, by the same combinations.

    Example:
        >>> seed_differences({"easy": {0: 1.0, 1: 3.0}}, {"easy": {1: 1.0, 0: 0.5}})
        {0: 0.5, 1: 2.0}
    """
    common = [key for key in first if key in second]
    if not common:
        return {}
    ours = average_within_seed({key: first[key] for key in common}).values
    theirs = average_within_seed({key: second[key] for key in common}).values
    seeds = [seed for seed in ours if seed in theirs]
    sample = _subtracted([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])
    return dict(zip(seeds, sample, strict=True))


def level_difference(
    first: Mapping[Cell, Mapping[Seed, float]],
    second: Mapping[Cell, Mapping[Seed, float]],
    *,
    level: float = 0.95,
    of: str = "seed",
) -> Difference:
    """Return the difference of two levels of a factor, averaged over the other factors within each seed.

    Args:
        first: The cells of the first level: for each combination of the other factors, one number a seed.
        second: The cells of the second level, by the same combinations; those that only one has are left out and named.
        level: Nominal coverage.
        of: One unit in words.

    Raises:
        ValueError: No combination is common, or no seed is complete.

    Example:
        >>> gain = {"easy": {0: 1.0, 1: 2.0}, "hard": {0: 3.0, 1: 5.0}}
        >>> big = {"easy": {0: 0.0, 1: 0.0}, "hard": {0: 2.0, 1: 2.0}}
        >>> level_difference(gain, big).interval.estimate
        1.75
    """
    common = [key for key in first if key in second]
    if not common:
        raise ValueError("The two levels have no combination of the other factors in common.")
    ours = average_within_seed({key: first[key] for key in common})
    theirs = average_within_seed({key: second[key] for key in common})
    if not ours.values or not theirs.values:
        raise ValueError(f"No {of} has every cell of its level: there is no complete block.")
    difference = paired_difference(ours.values, theirs.values, level=level, of=of)
    odd = _names(key for key in (*first, *second) if key not in common)
    notes = difference.interval.notes
    notes += (f"combinations of one level only, left out: {', '.join(odd)}",) if odd else ()
    notes += _left_out("first", of, ours.left_out, "incomplete")
    notes += _left_out("second", of, theirs.left_out, "incomplete")
    return Difference(
        replace(difference.interval, notes=notes),
        difference.first,
        difference.second,
        difference.paired,
        difference.p,
        (*ours.left_out, *difference.left_out_first),
        (*theirs.left_out, *difference.left_out_second),
    )


def _subtracted(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Return the differences of pairs; those that differ from one another by rounding alone are one number.

    (x + 1) - x is 1 up to the last bits of x: a metric that every seed shifts by the same amount has no spread to test.
    """
    found = [a - b for a, b in zip(first, second, strict=True)]
    largest = max((abs(value) for value in (*first, *second)), default=0.0)
    if not found or max(found) - min(found) > _ROUNDING * largest:
        return found
    return [mean(found)] * len(found)


def _welch(first: list[float], second: list[float], level: float, of: str) -> Difference:
    """Return the difference of two samples without common seeds; its degrees of freedom are Welch's fraction."""
    sides = [mean_interval(values, level=level, of=of) for values in (first, second)]
    estimate, n = sides[0].estimate - sides[1].estimate, len(first) + len(second)
    notes = (f"no common {of}s: not paired ({len(first)} and {len(second)} {of}s)",)
    plain = Interval(estimate, None, None, level, n, "Welch", notes=notes)
    if min(len(first), len(second)) == 1:
        reason = f"one {of} says nothing about others"
        return _unpaired(replace(plain, no_interval=reason), sides)
    errors = [sample_deviation(values) / math.sqrt(len(values)) for values in (first, second)]
    error = math.hypot(*errors)
    if error == 0:
        equal = (*notes, f"all {of}s equal")
        ends = replace(plain, low=estimate, high=estimate, standard_error=0.0, notes=equal)
        return _unpaired(ends, sides)
    # Relative to the whole, since fourth powers of tiny errors underflow to 0 / 0.
    shares = [(part / error) ** 2 for part in errors]
    freedom = 1 / (shares[0] ** 2 / (len(first) - 1) + shares[1] ** 2 / (len(second) - 1))
    half = student_quantile((1 + level) / 2, freedom) * error
    ends = replace(plain, low=estimate - half, high=estimate + half, standard_error=error)
    return _unpaired(ends, sides, _p_of_t(estimate, error, freedom))


def _unpaired(interval: Interval, sides: list[Interval], p: float | None = None) -> Difference:
    return Difference(interval, sides[0].estimate, sides[1].estimate, False, p)


def _p_of_t(estimate: float, error: float | None, freedom: float) -> float | None:
    return student_two_sided(estimate / error, freedom) if error else None


def _names(keys: Iterable[Hashable]) -> tuple[str, ...]:
    # By length first, so that seed 10 comes after seed 9.
    return tuple(sorted(map(str, keys), key=lambda name: (len(name), name)))


def _left_out(
    which: str, of: str, names: tuple[str, ...], why: str = "not common"
) -> tuple[str, ...]:
    if not names:
        return ()
    # Ten thousand episodes may be left out; a reader wants the first few and the count.
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return (f"{len(names)} {of}s of the {which} left out, {why}: {shown}",)
