"""The chance that a part of a class is missing among trusted samples: exact for few samples, finite for many."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, strategies as st
from taskloom_anomaly.statistics.contrast import _at_most


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 64))
def test_the_chance_is_that_of_exact_fractions(k: int, n: int, parts: int) -> None:
    share = Fraction(parts, 64)
    exact = sum(comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(min(k, n) + 1))
    assert _at_most(min(k, n), n, parts / 64) == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


@given(st.integers(1, 10**6), st.floats(0.001, 0.999))
def test_the_chance_is_one_for_many_samples_too(n: int, share: float) -> None:
    """The sum of binomial terms overflowed from about a thousand samples on."""
    assert 0.2 < _at_most(int(n * share) + 1, n, share) <= 1.0
    assert _at_most(n, n, share) == 1.0
