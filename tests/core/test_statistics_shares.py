"""Shares, ratios, differences, sample sizes and anytime-valid intervals: reference values and words."""

from __future__ import annotations

import math

import pytest
from scipy import stats
from taskloom import statistics as ts

D = [0.31, -0.12, 0.45, 0.08, 0.27, 0.19, -0.05, 0.38, 0.22, 0.11]


def ends(interval: ts.Interval) -> tuple[float | None, float | None]:
    return interval.low, interval.high


def close(*values: float) -> object:
    return pytest.approx(values, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (35, 100, 0.26364248, 0.44745557),
        (32, 100, 0.23669147, 0.41662619),
        (0, 20, 0, 0.16112516),
        (1000, 1000, 0.99617324, 1),
    ],
)
def test_wilsons_interval_has_its_reference_values(k: int, n: int, low: float, high: float) -> None:
    interval = ts.share_interval(k, n)
    assert ends(interval) == pytest.approx((low, high), abs=5e-9)
    assert (interval.method, interval.n, interval.estimate) == ("Wilson", n, k / n)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (8, 10, 0.443904537692359, 0.974789273673167),
        (0, 5, 0, 0.521823750104981),
        (30, 100, 0.212406420489536, 0.399814676179803),
    ],
)
def test_clopper_and_pearsons_interval_has_its_reference_values(
    k: int, n: int, low: float, high: float
) -> None:
    interval = ts.share_interval(k, n, "clopper-pearson")
    assert ends(interval) == pytest.approx((low, high), rel=1e-9)
    assert interval.method == "Clopper-Pearson"


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_intervals_of_shares_agree_with_scipy(level: float) -> None:
    tail = (1 - level) / 2
    for n in (1, 2, 7, 40, 1_000, 100_000):
        for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            wilson = stats.binomtest(k, n).proportion_ci(level, method="wilson")
            assert ends(ts.share_interval(k, n, level=level)) == close(wilson.low, wilson.high)
            # Beta quantiles, since the "exact" method of scipy stops its root search at 1e-12.
            low = stats.beta.ppf(tail, k, n - k + 1) if k else 0
            high = stats.beta.isf(tail, k + 1, n - k) if k < n else 1
            exact = ts.share_interval(k, n, "clopper-pearson", level=level)
            assert ends(exact) == close(low, high)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_a_share_that_is_none_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 <= k <= n"):
        ts.share_interval(k, n)
    with pytest.raises(ValueError, match="0 <= k <= n"):
        ts.anytime_share_interval(k, n)


def test_an_unknown_method_of_a_share_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="wilson or clopper-pearson"):
        ts.share_interval(1, 2, "wald")  # type: ignore[arg-type]  # what a user may type


def test_a_ratio_has_its_reference_value() -> None:
    interval = ts.ratio_interval([2, 6, 5], [2, 4, 4])
    assert interval.estimate == 1.3
    assert interval.standard_error == pytest.approx(0.12489996, abs=5e-9)
    assert interval.half_width == pytest.approx(1.959963984540054 * 0.12489996, abs=2e-8)


def test_a_ratio_of_one_unit_says_that_it_has_no_interval() -> None:
    assert ts.ratio_interval([2], [4]).no_interval == "one sequence says nothing about others"


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0]])
def test_a_ratio_without_a_positive_weight_for_each_total_is_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="positive weight"):
        ts.ratio_interval([1.0, 2.0], weights)


def test_a_difference_is_paired_over_common_seeds_and_names_the_others() -> None:
    first = {seed: d + seed for seed, d in enumerate(D)} | {11: 5.0}
    second = {seed: float(seed) for seed in range(10)} | {12: 1.0, 13: 2.0}
    result = ts.paired_difference(first, second)
    assert ends(result.interval) == pytest.approx((0.0539964697539513, 0.314003530246049), rel=1e-9)
    assert result.p == pytest.approx(0.0108011804331557, rel=1e-9)
    assert (result.left_out_first, result.left_out_second) == (("11",), ("12", "13"))
    assert result.interval.notes == (
        "1 seeds of the first left out, not common: 11",
        "2 seeds of the second left out, not common: 12, 13",
    )
    assert (result.paired, result.interval.method) == (True, "t, paired")


def test_a_difference_without_common_seeds_is_welchs_and_says_so() -> None:
    first = dict(enumerate(D))
    second = {seed + 10: d**2 for seed, d in enumerate(D[:6])}
    result = ts.paired_difference(first, second)
    expected = stats.ttest_ind(list(first.values()), list(second.values()), equal_var=False)
    bounds = expected.confidence_interval(0.95)
    assert ends(result.interval) == pytest.approx((bounds.low, bounds.high), rel=1e-9)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.interval.notes == ("no common seeds: not paired (10 and 6 seeds)",)
    assert (result.paired, result.interval.method) == (False, "Welch")


def test_a_difference_of_single_seeds_that_are_not_common_has_no_interval() -> None:
    result = ts.paired_difference({0: 1.0}, {1: 2.0})
    assert result.interval.estimate == -1
    assert result.interval.no_interval == "one seed says nothing about others"


def test_equal_pairs_are_more_than_a_difference_of_0() -> None:
    same = {0: 1.0, 1: 2.0, 2: 5.0}
    result = ts.paired_difference(same, same)
    assert result.all_equal
    assert result.p is None
    assert not ts.paired_difference(same, {0: 2.0, 1: 1.0, 2: 5.0}).all_equal


def test_a_constant_shift_has_width_0_and_no_p_value() -> None:
    result = ts.paired_difference({0: 1.0, 1: 2.0}, {0: 0.0, 1: 1.0})
    assert ends(result.interval) == (1, 1)
    assert "all seeds equal" in result.interval.notes
    assert (result.p, result.all_equal) == (None, False)


def test_a_level_is_averaged_over_its_cells_within_each_complete_seed() -> None:
    level = ts.average_within_seed({"a": {0: 1.0, 1: 2.0, 2: 9.0}, "b": {1: 4.0, 0: 3.0}})
    assert (dict(level.values), level.cells, level.left_out) == ({0: 2.0, 1: 3.0}, 2, ("2",))


def test_levels_are_compared_by_seed_and_not_by_run() -> None:
    """Four tasks times five seeds are five differences, whatever the tasks add."""
    first = {task: {seed: task * 10 + D[seed] + task for seed in range(5)} for task in range(4)}
    second = {task: {seed: task * 10.0 for seed in range(5)} for task in range(4)}
    result = ts.level_difference(first, second)
    assert result.interval.n == 5
    expected = ts.mean_interval([D[seed] + 1.5 for seed in range(5)])
    assert ends(result.interval) == pytest.approx(ends(expected), rel=1e-12)


def test_levels_leave_out_what_only_one_has_and_say_so() -> None:
    first = {"a": {0: 1.0, 1: 2.0, 2: 3.0}, "b": {0: 9.0}}
    second = {"a": {0: 0.0, 1: 1.5, 2: 2.0}, "c": {0: 9.0}}
    result = ts.level_difference(first, second)
    assert result.interval.n == 3
    assert "combinations of one level only, left out: b, c" in result.interval.notes


def test_levels_without_a_complete_block_are_refused() -> None:
    with pytest.raises(ValueError, match="no complete block"):
        ts.level_difference(
            {"a": {0: 1.0}, "b": {1: 1.0}}, {"a": {0: 1.0, 1: 1.0}, "b": {0: 1.0, 1: 1.0}}
        )
    with pytest.raises(ValueError, match="in common"):
        ts.level_difference({"a": {0: 1.0}}, {"b": {0: 1.0}})


@pytest.mark.parametrize(("ratio", "n"), [(0.25, 64), (0.5, 18), (1.0, 7)])
def test_the_size_for_a_half_width_is_the_least_that_reaches_it(ratio: float, n: int) -> None:
    assert ts.size_for_half_width(3 * ratio, 3.0) == n
    widths = [stats.t.ppf(0.975, count - 1) / math.sqrt(count) for count in (n - 1, n)]
    assert widths[1] <= ratio < widths[0]


@pytest.mark.parametrize(
    ("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10), (2.0, 5), (-0.5, 34)]
)
def test_the_size_for_a_power_has_its_reference_values(effect: float, n: int) -> None:
    assert ts.size_for_power(effect) == n


@pytest.mark.parametrize("effect", [0.2, 0.35, 0.5, 0.8, 1.0, 1.5, 2.0])
def test_the_size_for_a_power_reaches_it(effect: float) -> None:
    """The power of the t test itself, by the noncentral t of scipy; the formula may be off by a hundredth."""
    n = ts.size_for_power(effect)
    bar = stats.t.ppf(0.975, n - 1)
    assert stats.nct.sf(bar, n - 1, effect * math.sqrt(n)) > 0.795


def test_a_plan_names_both_sizes() -> None:
    plan = ts.plan_half_width(D, 0.1)
    upper = plan.deviation * math.sqrt(9 / stats.chi2.ppf(0.2, 9))
    assert plan.deviation == pytest.approx(0.181732404008384, rel=1e-12)
    assert plan.upper_deviation == pytest.approx(upper, rel=1e-9)
    assert plan.n == ts.size_for_half_width(0.1, plan.deviation)
    assert plan.cautious_n == ts.size_for_half_width(0.1, upper) > plan.n
    assert ts.plan_power(D, 0.1).n == ts.size_for_power(0.1 / plan.deviation)


def test_a_pilot_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        ts.plan_half_width([1.0], 1.0)
    with pytest.raises(ValueError, match="says nothing about power"):
        ts.plan_power([1.0, 1.0], 1.0)


def test_the_anytime_interval_has_its_reference_values() -> None:
    interval = ts.anytime_interval(D)
    assert ends(interval) == pytest.approx((-0.0383921245132761, 0.406392124513276), rel=1e-9)
    assert interval.method == "anytime-valid t, g = 1"
    assert ts.log_bayes_factor(D) == pytest.approx(2.11012740988267, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "width"),
    [
        (5, 3.78038023557241),
        (10, 1.22373401555298),
        (20, 0.765804254520991),
        (50, 0.469478695651088),
    ],
)
def test_the_anytime_half_width_has_its_reference_values(n: int, width: float) -> None:
    assert ts.anytime_half_width(n) == pytest.approx(width, rel=1e-9)


@pytest.mark.parametrize(("g", "first"), [(1.0, 5), (0.25, 4), (4.0, 7)])
def test_the_anytime_interval_is_first_finite_where_g_says(g: float, first: int) -> None:
    finite = [n for n in range(1, 20) if math.isfinite(ts.anytime_half_width(n, g=g))]
    assert finite == list(range(first, 20))


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (8, 10, 0.353042192075693, 0.989516904781085),
        (0, 5, 0, 0.616148050362622),
        (30, 100, 0.169446478044296, 0.457245987596756),
    ],
)
def test_the_anytime_interval_of_a_share_has_its_reference_values(
    k: int, n: int, low: float, high: float
) -> None:
    assert ends(ts.anytime_share_interval(k, n)) == pytest.approx((low, high), rel=1e-9)


def test_an_end_of_the_anytime_interval_is_where_the_bayes_factor_reaches_its_bar() -> None:
    interval = ts.anytime_interval(D)
    for end in ends(interval):
        assert end is not None
        assert ts.log_bayes_factor(D, end) == pytest.approx(math.log(20), rel=1e-9)


def test_nothing_is_decided_while_all_values_are_equal() -> None:
    look = ts.look_at([1.0] * 50)
    assert not look.decided
    assert look.interval.no_interval == "all seeds equal so far: nothing is decided"
    assert ts.log_bayes_factor([1.0] * 50) == 0


def test_a_look_at_too_few_values_decides_nothing() -> None:
    look = ts.look_at([1.0, 1.1, 0.9, 1.0])
    assert (look.decided, look.interval.no_interval) == (
        False,
        "n = 4 is too few for an anytime-valid interval",
    )


def test_a_look_records_its_rule_and_shares_the_level() -> None:
    look = ts.look_at(D, half_width=0.3, comparisons=2)
    assert (look.decided, look.rule, look.n, look.g) == (True, "half_width=0.3", 10, 1.0)
    assert look.interval.level == pytest.approx(0.975)
    assert not ts.look_at(D, half_width=0.2).decided
    assert not ts.look_at(D).decided


def test_the_level_of_a_family_is_bonferronis() -> None:
    assert ts.family_level(0.95, 5) == pytest.approx(0.99)
    with pytest.raises(ValueError, match="at least one comparison"):
        ts.family_level(0.95, 0)
