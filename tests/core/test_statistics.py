"""Reference values and words of the intervals and tests that every page of the project shows."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import math
import random
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from taskloom import statistics as ts

D = [0.31, -0.12, 0.45, 0.08, 0.27, 0.19, -0.05, 0.38, 0.22, 0.11]
S = [0.2, 0.1, 3.9, 0.4, 0.3, 0.8, 0.2, 1.1, 0.5, 0.6, 0.9, 0.25]
MODULES = [
    "headline", "wording",
    *(f"statistics.{name}" for name in (
        "bootstrap", "differences", "distributions", "intervals", "sample_size", "sequential", "shares",
        "significance", "special_functions",
    )),
]  # fmt: skip


def ends(interval: ts.Interval) -> tuple[float | None, float | None]:
    return interval.low, interval.high


def close(*values: float) -> object:
    return pytest.approx(values, rel=1e-9, abs=1e-12)


def resampled(values: list[float]) -> list[float]:
    rng = random.Random(7)
    count = len(values)
    return [math.fsum(rng.choices(values, k=count)) / count for _ in range(9_999)]


def test_the_t_interval_has_its_reference_values() -> None:
    interval = ts.mean_interval(D)
    assert interval.estimate == pytest.approx(0.184, rel=1e-12)
    assert ts.sample_deviation(D) == pytest.approx(0.181732404008384, rel=1e-12)
    assert ends(interval) == close(0.0539964697539513, 0.314003530246049)
    assert (interval.method, interval.n, interval.level, interval.notes) == ("t", 10, 0.95, ())
    assert ends(ts.mean_interval(S)) == close(0.114096417098779, 1.42757024956789)


def test_the_t_interval_of_three_differences_has_its_reference_value() -> None:
    assert ts.mean_interval([1, 2, 3]).half_width == pytest.approx(2.48413771, abs=5e-9)


def test_the_t_test_has_its_reference_value() -> None:
    assert ts.t_test(D).p == pytest.approx(0.0108011804331557, rel=1e-9)


def test_one_value_has_no_interval_and_says_why() -> None:
    interval = ts.mean_interval([0.7])
    assert ends(interval) == (None, None)
    assert interval.half_width is None
    assert interval.no_interval == "one seed says nothing about others"
    assert ts.mean_interval([0.7], of="episode").no_interval.startswith("one episode says")


def test_two_values_are_named_beside_their_interval() -> None:
    interval = ts.mean_interval([1.0, 2.0])
    assert interval.notes == ("n = 2",)
    assert interval.half_width == pytest.approx(0.5 * 12.7062047361747, rel=1e-9)


def test_equal_values_have_an_interval_of_width_0_only_with_words() -> None:
    interval = ts.mean_interval([0.1] * 3)
    assert ends(interval) == (0.1, 0.1)
    assert interval.notes == ("all seeds equal",)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_values_that_are_no_numbers_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no value|not finite"):
        ts.mean_interval(values)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_a_level_outside_the_unit_interval_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ts.mean_interval(D, level=level)


def test_a_skewed_level_is_warned_of_with_its_geometric_mean() -> None:
    result = ts.level_interval(S)
    assert result.skewness == pytest.approx(stats.skew(S), rel=1e-9)
    assert "skewed" in result.warning
    assert result.geometric is not None
    logs = ts.mean_interval([math.log(value) for value in S])
    assert logs.low is not None
    assert result.geometric.low == pytest.approx(math.exp(logs.low), rel=1e-12)


def test_a_skewed_level_with_a_value_below_0_has_no_geometric_mean() -> None:
    result = ts.level_interval([-1.0, *S])
    assert result.warning
    assert result.geometric is None


@pytest.mark.parametrize("values", [D, S * 5, [2.0, 2.0]])
def test_an_even_or_a_large_sample_gets_no_warning(values: list[float]) -> None:
    assert ts.level_interval(values).warning == ""


def test_the_bootstrap_has_its_reference_values() -> None:
    assert ends(ts.bca_interval(D, resampled(D))) == close(0.071, 0.287)
    assert ends(ts.bca_interval(S, resampled(S))) == close(0.425, 1.74937638569563)


@pytest.mark.parametrize("values", [D, S])
def test_the_bootstrap_agrees_with_scipy_given_the_same_resamples(values: list[float]) -> None:
    draws = resampled(values)
    arguments = {"statistic": np.mean, "method": "BCa", "vectorized": True}
    start = stats.bootstrap(
        (values,), n_resamples=2, rng=0, **{**arguments, "method": "percentile"}
    )
    same = dataclasses.replace(start, bootstrap_distribution=np.array(draws))
    theirs = stats.bootstrap((values,), n_resamples=0, bootstrap_result=same, **arguments)
    assert ends(ts.bca_interval(values, draws)) == close(*theirs.confidence_interval)


def test_the_bootstrap_is_refused_below_twenty_values() -> None:
    with pytest.raises(ValueError, match="n >= 20"):
        ts.bootstrap_interval(D, random.Random(0))
    assert ts.bootstrap_interval(D * 2, random.Random(0), resamples=99).method == "BCa"


def test_the_bootstrap_of_equal_values_says_that_it_has_no_interval() -> None:
    interval = ts.bootstrap_interval([1.0] * 20, random.Random(0), resamples=99)
    assert (interval.low, interval.no_interval) == (None, "the resamples do not vary")


def test_a_bootstrap_on_one_side_of_the_estimate_says_that_it_has_no_interval() -> None:
    interval = ts.bca_interval(D, [1.0, 2.0, 3.0])
    assert (interval.low, interval.no_interval) == (
        None,
        "the bootstrap is undefined for these values",
    )


def test_the_sign_flip_test_has_its_reference_value() -> None:
    result = ts.sign_flip_test(D)
    assert (result.p, result.method) == (0.015625, "sign-flip, exact")


def test_the_sign_test_has_its_reference_value() -> None:
    assert ts.sign_test(D).p == pytest.approx(0.109375, rel=1e-12)


def test_the_sign_test_drops_zeros_and_counts_them() -> None:
    result = ts.sign_test([*D, 0.0, 0.0])
    assert result.n == 10
    assert result.p == pytest.approx(0.109375, rel=1e-12)
    assert result.notes == ("2 of 12 are 0 and dropped",)


def test_mcnemars_test_counts_discordant_pairs_only() -> None:
    first = [True] * 9 + [False] * 31
    second = [False] * 8 + [True] * 3 + [False] * 29
    result = ts.mcnemar_test(first, second)
    assert (result.n, result.method) == (10, "McNemar, exact")
    assert result.p == pytest.approx(stats.binomtest(8, 10).pvalue, rel=1e-12)
    assert result.notes[0] == "30 of 40 pairs agree"
    assert ts.mcnemar_test(first, first).p is None
    with pytest.raises(ValueError, match="two outcomes each"):
        ts.mcnemar_test(first, second[:-1])


@pytest.mark.parametrize(("n", "words"), [(5, ("n = 5 cannot reach 0.05",)), (6, ())])
def test_a_sign_flip_test_of_too_few_says_that_it_cannot_succeed(
    n: int, words: tuple[str, ...]
) -> None:
    result = ts.sign_flip_test([float(i + 1) for i in range(n)])
    assert result.p == result.smallest == 2.0 ** (1 - n)
    assert result.notes == words


def test_the_sign_flip_test_is_exact_to_twenty_and_drawn_beyond() -> None:
    values = [math.sin(i) + 0.4 for i in range(21)]
    assert ts.sign_flip_test(values[:20]).method == "sign-flip, exact"
    drawn = ts.sign_flip_test(values)
    assert drawn.method == "sign-flip, 99,999 draws"
    assert drawn.smallest == 1 / 100_000
    assert drawn == ts.sign_flip_test(values)


def test_drawn_signs_agree_with_the_exact_test() -> None:
    """The standard error of 20,000 draws is .0024 at p = .13; off by five of them once in 1.7 million."""
    values = [math.sin(3 * i) + 0.25 for i in range(20)]
    exact = ts.sign_flip_test(values).p
    padded = ts.sign_flip_test([*values, 0.0], draws=20_000, rng=random.Random(1)).p
    assert exact is not None
    assert padded == pytest.approx(exact, abs=0.012)


@pytest.mark.parametrize("test", [ts.t_test, ts.sign_flip_test, ts.sign_test])
def test_a_test_of_zeros_has_no_p_value(test: object) -> None:
    assert callable(test)
    result = test([0.0] * 6)
    assert result.p is None
    assert result.notes


def test_adjusted_p_values_have_their_reference_values() -> None:
    p = [0.001, 0.04, 0.03, 0.005, 0.5]
    assert ts.holm(p) == pytest.approx([0.005, 0.09, 0.09, 0.02, 0.5])
    assert ts.benjamini_hochberg(p) == pytest.approx([0.005, 0.05, 0.05, 0.0125, 0.5])
    assert ts.benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p)))
    assert ts.bonferroni(p) == pytest.approx([0.005, 0.2, 0.15, 0.025, 1])
    assert ts.adjust(p) == ts.holm(p)
    assert ts.adjust(p, "none") == p


def test_an_unknown_correction_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="holm, bh, bonferroni or none"):
        ts.adjust([0.1], "tukey")  # type: ignore[arg-type]  # what a user may type


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_a_p_value_that_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ts.holm([p])


@pytest.mark.parametrize(
    ("finished", "words"), [(10, ""), (9, "9 of 10 seeds"), (7, "7 of 10 seeds: incomplete")]
)
def test_a_cell_without_all_its_runs_is_marked(finished: int, words: str) -> None:
    assert ts.missing_note(finished, 10) == words


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_docstrings_run(name: str) -> None:
    module = importlib.import_module(f"taskloom.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_module_brings_in_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import taskloom.statistics, taskloom.headline; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"random", "fractions", "decimal", "statistics", "numpy", "scipy", "pydantic", "json"}
    assert heavy & set(done.stdout.split()) == set()
