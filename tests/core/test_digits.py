"""Numbers in listings: every digit of a count, a few of a measurement."""

from __future__ import annotations

from hypothesis import given, strategies as st
from taskloom.cli.output import number
from taskloom.digits import digits
from taskloom.lifecycle.console import format_metrics
from taskloom.report.figures import number as number_of_a_report


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_an_integer_below_2_to_the_53_prints_all_its_digits(value: int) -> None:
    assert digits(float(value)) == number(value) == str(value)
    assert format_metrics(1, {"n": float(value)}) == f"step=1 n={value}"
    assert number_of_a_report(float(value)).replace("\u2212", "-") == str(value)


def test_a_measurement_has_a_few_digits_and_what_is_no_number_says_so() -> None:
    assert [digits(value, 4) for value in (0.123456, 1e20, float("nan"), float("inf"))] == [
        "0.1235",
        "1e+20",
        "nan",
        "inf",
    ]
    assert [digits(value, 4, sign=True) for value in (3.0, -2.5, 0.0)] == ["+3", "-2.5", "+0"]
