"""What is refused before any arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from taskloom_anomaly.detectors.checks import all_finite, require_finite


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_all_finite_finds_one_bad_value_anywhere(dtype: type, bad: float) -> None:
    for shape in [(7,), (5, 9), (3, 4, 6)]:
        values = np.ones(shape, dtype)
        assert all_finite(values)
        values.flat[-2] = bad
        assert not all_finite(values)
        values.flat[-1] = -bad  # two infinities that cancel in a sum
        assert not all_finite(values)
        assert not all_finite(values.T)


def test_all_finite_is_not_misled_by_a_sum_that_overflows() -> None:
    assert all_finite(np.full((4, 9), 3e38, np.float32))
    assert all_finite(np.zeros((0, 3)))
    assert all_finite(np.zeros((3, 0)))
    assert all_finite(np.array([[1, 2]]))


def test_require_finite_says_how_many_and_where() -> None:
    values = np.ones((6, 4))
    values[4, 2] = values[5, 0] = np.nan
    with pytest.raises(ValueError, match=r"^It has 2 values .* the first in sample 4 of the batch"):
        require_finite(values, "It")
