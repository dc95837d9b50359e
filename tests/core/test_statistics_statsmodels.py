"""Agreement with statsmodels to 1e-9 where it defines the same as `taskloom.statistics`."""

from __future__ import annotations

import pytest
from taskloom import statistics as ts

multitest = pytest.importorskip("statsmodels.stats.multitest")
proportion = pytest.importorskip("statsmodels.stats.proportion")
weightstats = pytest.importorskip("statsmodels.stats.weightstats")
power = pytest.importorskip("statsmodels.stats.power")

P_VALUES = [0.001, 0.04, 0.03, 0.005, 0.5, 0.04]
D = [0.31, -0.12, 0.45, 0.08, 0.27, 0.19, -0.05, 0.38, 0.22, 0.11]


@pytest.mark.parametrize(
    ("ours", "theirs"), [("holm", "holm"), ("bh", "fdr_bh"), ("bonferroni", "bonferroni")]
)
def test_corrections_agree(ours: str, theirs: str) -> None:
    expected = multitest.multipletests(P_VALUES, method=theirs)[1]
    assert ts.adjust(P_VALUES, ours) == pytest.approx(list(expected), rel=1e-9)


@pytest.mark.parametrize(("ours", "theirs"), [("wilson", "wilson"), ("clopper-pearson", "beta")])
@pytest.mark.parametrize(("k", "n"), [(8, 10), (1, 5), (30, 100), (999, 1000)])
def test_intervals_of_shares_agree(ours: str, theirs: str, k: int, n: int) -> None:
    found = ts.share_interval(k, n, ours, level=0.9)
    expected = proportion.proportion_confint(k, n, alpha=0.1, method=theirs)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)


def test_the_mean_and_its_test_agree() -> None:
    described = weightstats.DescrStatsW(D)
    found = ts.mean_interval(D)
    assert (found.low, found.high) == pytest.approx(described.tconfint_mean(), rel=1e-9)
    assert ts.t_test(D).p == pytest.approx(described.ttest_mean(0)[1], rel=1e-9)


def test_welchs_difference_agrees() -> None:
    first, second = D, [2 * value + 0.3 for value in D[:6]]
    found = ts.paired_difference(dict(enumerate(first)), {f"b{i}": v for i, v in enumerate(second)})
    compared = weightstats.CompareMeans.from_data(first, second)
    expected = compared.tconfint_diff(usevar="unequal")
    assert (found.interval.low, found.interval.high) == pytest.approx(expected, rel=1e-9)
    assert found.p == pytest.approx(compared.ttest_ind(usevar="unequal")[1], rel=1e-9)


@pytest.mark.parametrize("effect", [0.2, 0.5, 0.8, 1.0])
def test_the_number_of_seeds_for_a_power_is_that_of_statsmodels_rounded_up(effect: float) -> None:
    exact = power.TTestPower().solve_power(effect, power=0.8, alpha=0.05)
    assert exact <= ts.size_for_power(effect) <= exact + 1.001
