"""Properties that hold for every sample: order, units and sign change no figure beyond what they have to."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings, strategies as st
from taskloom import statistics as ts

numbers = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6))
samples = st.lists(numbers, min_size=2, max_size=24)
levels = st.floats(0.5, 0.999)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)
shares = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def shuffled(values: list[float], seed: int) -> list[float]:
    return random.Random(seed).sample(values, len(values))


@given(samples, st.integers(0, 99))
@settings(max_examples=60)
def test_the_order_of_the_data_changes_no_figure(values: list[float], seed: int) -> None:
    other = shuffled(values, seed)
    for function in (ts.mean_interval, ts.level_interval, ts.anytime_interval):
        assert function(values) == function(other)
    for test in (ts.t_test, ts.sign_test):
        assert test(values) == test(other)
    assert ts.sign_flip_test(values, draws=50) == ts.sign_flip_test(other, draws=50)
    assert ts.log_bayes_factor(values) == ts.log_bayes_factor(other)
    assert ts.skewness(values) == ts.skewness(other)


@given(st.lists(numbers, min_size=20, max_size=24), st.integers(0, 99))
@settings(max_examples=20)
def test_the_order_of_the_data_does_not_choose_resamples(values: list[float], seed: int) -> None:
    intervals = [
        ts.bootstrap_interval(data, random.Random(3), resamples=50)
        for data in (values, shuffled(values, seed))
    ]
    assert intervals[0] == intervals[1]


@given(samples, st.integers(0, 99))
def test_the_order_of_the_seeds_changes_no_difference(values: list[float], seed: int) -> None:
    first = dict(enumerate(values))
    second = {key: value / 3 for key, value in list(first.items())[1:]}
    keys = list(first)
    random.Random(seed).shuffle(keys)
    again = ts.paired_difference({key: first[key] for key in keys}, second)
    assert again == ts.paired_difference(first, second)


@given(samples, levels, st.integers(-600, 600))
def test_another_unit_scales_the_interval(values: list[float], level: float, power: int) -> None:
    """A power of two scales floats without rounding, so the equality is exact."""
    scale = 2.0**power
    plain = ts.mean_interval(values, level=level)
    scaled = ts.mean_interval([scale * value for value in values], level=level)
    assert plain.low is not None
    assert plain.high is not None
    assert (scaled.low, scaled.high) == (scale * plain.low, scale * plain.high)


@given(samples, st.integers(-600, 600))
def test_another_unit_changes_no_p_value(values: list[float], power: int) -> None:
    scaled = [2.0**power * value for value in values]
    for test in (ts.t_test, ts.sign_test):
        assert test(scaled) == test(values)
    assert ts.sign_flip_test(scaled, draws=50) == ts.sign_flip_test(values, draws=50)
    assert ts.log_bayes_factor(scaled) == ts.log_bayes_factor(values)


@given(samples, levels)
def test_a_turned_sign_mirrors_the_interval_and_keeps_the_p_value(
    values: list[float], level: float
) -> None:
    turned = [-value for value in values]
    for function in (ts.mean_interval, ts.anytime_interval):
        plain, mirrored = function(values, level=level), function(turned, level=level)
        assert mirrored.estimate == -plain.estimate
        if plain.low is not None and plain.high is not None:
            assert (mirrored.low, mirrored.high) == (-plain.high, -plain.low)
    assert ts.t_test(turned).p == ts.t_test(values).p
    assert ts.sign_test(turned).p == ts.sign_test(values).p
    assert ts.sign_flip_test(turned, draws=50).p == ts.sign_flip_test(values, draws=50).p


@given(samples, levels)
def test_exchanged_variants_mirror_the_difference(values: list[float], level: float) -> None:
    first, second = dict(enumerate(values)), {seed: value**2 for seed, value in enumerate(values)}
    for shift in (0, 100):
        moved = {seed + shift: value for seed, value in second.items()}
        there = ts.paired_difference(first, moved, level=level)
        back = ts.paired_difference(moved, first, level=level)
        assert back.interval.estimate == -there.interval.estimate
        assert back.interval.half_width == pytest.approx(there.interval.half_width, rel=1e-12)
        assert back.p == there.p
        assert (back.first, back.second) == (there.second, there.first)


@given(samples, levels)
def test_an_interval_contains_its_mean(values: list[float], level: float) -> None:
    for function in (ts.mean_interval, ts.anytime_interval):
        interval = function(values, level=level)
        assert interval.contains(interval.estimate)
        assert min(values) <= interval.estimate <= max(values)


@given(samples, levels)
def test_a_higher_level_gives_a_wider_interval(values: list[float], level: float) -> None:
    assume(ts.sample_deviation(values) > 0)
    for function in (ts.mean_interval, ts.anytime_interval):
        narrow, wide = (
            function(values, level=level),
            function(values, level=(1 + level) / 2),
        )
        if wide.low is not None and wide.high is not None:
            assert narrow.low is not None
            assert narrow.high is not None
            assert wide.low < narrow.low <= narrow.high < wide.high


@given(samples, levels)
def test_looking_often_costs_width(values: list[float], level: float) -> None:
    plain, anytime = ts.mean_interval(values, level=level), ts.anytime_interval(values, level=level)
    if anytime.half_width is not None:
        assert plain.half_width is not None
        assert anytime.half_width > plain.half_width


@given(samples)
def test_the_t_test_and_its_interval_agree(values: list[float]) -> None:
    p = ts.t_test(values).p
    assume(p is not None and abs(p - 0.05) > 1e-9)
    assert p is not None
    assert ts.mean_interval(values).contains(0) == (p > 0.05)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_the_exact_sign_flip_test_counts_every_pattern(values: list[int]) -> None:
    assume(any(values))
    tenths = [Fraction(value, 10) for value in values]
    sums = [Fraction(0)]
    for value in tenths:
        sums = [total + sign * value for total in sums for sign in (1, -1)]
    observed = abs(sum(tenths, Fraction(0)))
    far = sum(abs(total) >= observed for total in sums)
    assert ts.sign_flip_test([float(value) for value in tenths]).p == far / len(sums)


@given(shares, levels)
def test_an_interval_of_a_share_stays_in_the_unit_interval_around_it(
    share: tuple[int, int], level: float
) -> None:
    for interval in (
        ts.share_interval(*share, level=level),
        ts.share_interval(*share, "clopper-pearson", level=level),
        ts.anytime_share_interval(*share, level=level),
    ):
        assert interval.low is not None
        assert interval.high is not None
        assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


@given(shares, levels)
def test_an_interval_of_a_share_is_mirrored_with_the_count(
    share: tuple[int, int], level: float
) -> None:
    k, n = share
    for one, other in (
        (ts.share_interval(k, n, level=level), ts.share_interval(n - k, n, level=level)),
        (ts.anytime_share_interval(k, n), ts.anytime_share_interval(n - k, n)),
        (
            ts.share_interval(k, n, "clopper-pearson", level=level),
            ts.share_interval(n - k, n, "clopper-pearson", level=level),
        ),
    ):
        assert one.low is not None
        assert one.high is not None
        assert (other.high, other.low) == pytest.approx((1 - one.low, 1 - one.high), abs=1e-9)


@given(st.lists(st.tuples(numbers, st.integers(1, 50)), min_size=2, max_size=20))
def test_a_ratio_does_not_depend_on_the_unit_of_the_weights(
    units: list[tuple[float, int]],
) -> None:
    totals, weights = [total for total, _ in units], [float(weight) for _, weight in units]
    plain = ts.ratio_interval(totals, weights)
    halved = ts.ratio_interval(totals, [2 * weight for weight in weights])
    assert plain.low is not None
    assert (halved.estimate, halved.low) == (plain.estimate / 2, plain.low / 2)


@given(p_values, st.integers(0, 99))
def test_the_order_of_the_comparisons_changes_no_adjusted_p_value(
    p_values: list[float], seed: int
) -> None:
    order = random.Random(seed).sample(range(len(p_values)), len(p_values))
    for method in (ts.holm, ts.benjamini_hochberg, ts.bonferroni):
        plain, other = method(p_values), method([p_values[index] for index in order])
        assert other == [plain[index] for index in order]


@given(p_values)
def test_corrections_are_ordered_by_their_strictness(p_values: list[float]) -> None:
    columns = zip(
        p_values,
        ts.benjamini_hochberg(p_values),
        ts.holm(p_values),
        ts.bonferroni(p_values),
        strict=True,
    )
    for p, bh, holm, bonferroni in columns:
        assert p <= bh * (1 + 1e-12)
        assert bh <= holm * (1 + 1e-12)
        assert holm <= bonferroni * (1 + 1e-12)
        assert bonferroni <= 1


@given(st.floats(0.05, 5), levels)
@settings(max_examples=40)
def test_a_planned_size_is_the_least_that_does(ratio: float, level: float) -> None:
    n = ts.size_for_half_width(ratio, 1.0, level=level)
    pattern = [math.sqrt((count - 1) / count) for count in (n, n - 1) if count > 1]
    assert n >= 2
    width = ts.mean_interval([*([pattern[0]] * (n // 2)), *([-pattern[0]] * (n // 2))], level=level)
    if n % 2 == 0:
        assert width.half_width is not None
        assert width.half_width <= ratio * (1 + 1e-9)


def test_a_shift_by_one_number_has_no_spread_to_test() -> None:
    """(x + 1) - x differs from 1 in its last bits: that is rounding, and no finding about seeds."""
    rng = random.Random(4)
    for scale in (1e-6, 1.0, 1e6):
        first = {seed: scale * rng.gauss(0, 1) for seed in range(12)}
        second = {seed: value + scale for seed, value in first.items()}
        found = ts.paired_difference(second, first)
        assert (found.interval.standard_error, found.p) == (0.0, None)
        assert len(set(ts.seed_differences({"": second}, {"": first}).values())) == 1
        # A spread of a billionth is one.
        second[3] += 1e-9 * scale
        assert ts.paired_difference(second, first).p is not None
