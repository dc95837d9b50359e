"""Distribution functions and quantiles agree with scipy to 1e-9, relative, far beyond what studies ask for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st
from scipy import special, stats
from taskloom.statistics import distributions, special_functions

FREEDOM = [1, 1.5, 2, 3, 4, 7.3, 9, 10, 19, 20, 49, 99, 499, 9_999, 1e6]
SHAPES = [0.5, 1, 2, 5, 9.5, 10, 11, 50, 300, 10_000, 1e6]
probabilities = st.floats(1e-6, 1 - 1e-6)
freedoms = st.floats(1, 1_000)


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("freedom", FREEDOM)
def test_the_quantile_of_t_agrees_with_scipy(freedom: float) -> None:
    for probability in (1e-8, 0.001, 0.025, 0.4, 0.6, 0.75, 0.9, 0.975, 0.995, 0.9995, 0.999999):
        expected = stats.t.ppf(probability, freedom)
        assert distributions.student_quantile(probability, freedom) == close(expected)


@pytest.mark.parametrize("freedom", FREEDOM)
def test_the_tails_of_t_agree_with_scipy(freedom: float) -> None:
    for t in (1e-6, 0.1, 1.0, -2.0, 5.0, 20.0, 100.0):
        expected = 2 * stats.t.sf(abs(t), freedom)
        assert distributions.student_two_sided(t, freedom) == close(expected)


@pytest.mark.parametrize("freedom", FREEDOM)
def test_the_quantile_of_chi_squared_agrees_with_scipy(freedom: float) -> None:
    for probability in (0.001, 0.2, 0.5, 0.8, 0.999):
        expected = stats.chi2.ppf(probability, freedom)
        assert distributions.chi_squared_quantile(probability, freedom) == close(expected)


@pytest.mark.parametrize("probability", [1e-300, 1e-20, 0.01, 0.3, 0.6, 0.975, 1 - 1e-12])
def test_the_normal_quantile_agrees_with_scipy(probability: float) -> None:
    assert distributions.normal_quantile(probability) == close(stats.norm.ppf(probability))


def test_the_normal_quantile_is_infinite_at_the_borders() -> None:
    assert distributions.normal_quantile(0) == -math.inf
    assert distributions.normal_quantile(1) == math.inf


@pytest.mark.parametrize("a", SHAPES)
def test_the_incomplete_beta_function_agrees_with_scipy(a: float) -> None:
    for b in SHAPES:
        for probability in (0.0005, 0.2, 0.5, 0.9995):
            x = stats.beta.ppf(probability, a, b)
            assert special_functions.incomplete_beta(a, b, x) == close(special.betainc(a, b, x))


@pytest.mark.parametrize("a", SHAPES)
def test_the_quantile_of_beta_agrees_with_scipy(a: float) -> None:
    for b in SHAPES:
        for probability in (0.0005, 0.025, 0.5, 0.975):
            expected = stats.beta.ppf(probability, a, b)
            assert distributions.beta_quantile(probability, a, b) == close(expected)


@pytest.mark.parametrize("a", SHAPES)
def test_the_logarithm_of_beta_agrees_with_scipy(a: float) -> None:
    for b in SHAPES:
        expected = special.betaln(a, b)
        assert special_functions.log_beta(a, b) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_incomplete_gamma_function_agrees_with_scipy() -> None:
    for a in SHAPES:
        for x in (a / 3, a, a + 1, 2 * a):
            assert special_functions.incomplete_gamma(a, x) == close(special.gammainc(a, x))


@given(probabilities, freedoms)
def test_a_quantile_of_t_has_the_probability_asked_for(probability: float, freedom: float) -> None:
    t = distributions.student_quantile(probability, freedom)
    tails = distributions.student_two_sided(t, freedom)
    assert tails == pytest.approx(2 * min(probability, 1 - probability), rel=1e-9)


@given(probabilities, freedoms)
def test_the_quantile_of_t_is_symmetric(probability: float, freedom: float) -> None:
    upper = distributions.student_quantile(probability, freedom)
    lower = distributions.student_quantile(1 - probability, freedom)
    assert upper == pytest.approx(-lower, rel=1e-7, abs=1e-12)


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0, 1))
def test_the_incomplete_beta_function_has_its_reflection(a: float, b: float, x: float) -> None:
    total = special_functions.incomplete_beta(a, b, x) + special_functions.incomplete_beta(
        b, a, 1 - x, complement=x
    )
    assert total == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("probability", [0.5, 0.5 + 1e-15, 0.5 - 1e-12, 0.5 + 1e-9])
def test_quantiles_next_to_the_median_end(probability: float) -> None:
    assert distributions.normal_quantile(probability) == pytest.approx(0, abs=1e-8)
    assert distributions.student_quantile(probability, 3) == pytest.approx(0, abs=1e-8)


def test_a_nan_comes_back_instead_of_a_loop_without_end() -> None:
    assert math.isnan(special_functions.incomplete_beta(2, 3, math.nan))
