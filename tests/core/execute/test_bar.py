"""Lines of progress fit every width, and keep what matters for longest."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st
from rich.cells import cell_len
from taskloom.lifecycle.bar import Pace, bar_line, clock, metrics_line, rate_text, short_count
from taskloom.lifecycle.terminal import wrapped
from tests_sizes import size

LABELS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Mn", "Me", "Cf"]), max_size=40
)
RATES = st.none() | st.floats(1e-6, 1e12)
TIMES = st.none() | st.floats(0, 1e7)


@settings(max_examples=size("bar_lines"))
@given(
    LABELS,
    st.integers(0, 10**13),
    st.integers(1, 10**13),
    RATES,
    TIMES,
    st.integers(40, 200),
    st.booleans(),
)
def test_a_line_fits_and_keeps_bar_count_and_time(
    label: str,
    done: int,
    total: int,
    rate: float | None,
    left: float | None,
    width: int,
    is_plain: bool,
) -> None:
    done = min(done, total)
    line = bar_line(label, done, total, rate=rate, left=left, width=width, is_plain=is_plain)
    assert cell_len(line) <= width
    assert f"{short_count(done)}/{short_count(total)}" in line
    if left is not None:
        assert clock(left) in line
    cells = sum(line.count(cell) for cell in ("#-" if is_plain else "\u2501\u2500"))
    assert cells >= 6


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (40, "training #--------- 220/4000 61.3/s 1:02"),
        (30, "220/4000 1:02"),
        (80, "training #----------------------- 220/4000 61.3/s 1:02 left"),
        (46, "training #---------- 220/4000 61.3/s 1:02 left"),
    ],
)
def test_what_goes_first_for_room(width: int, line: str) -> None:
    shown = bar_line("training", 220, 4000, rate=61.3, left=62, width=width, is_plain=True)
    assert shown == line


def test_without_a_total_there_is_no_bar() -> None:
    assert bar_line("episodes", 393_216, None, rate=151_000.0, width=40) == "episodes 393k 151k/s"


@given(st.integers(0, 10**15))
def test_a_short_count_is_within_half_of_its_last_digit(number: int) -> None:
    text = short_count(number)
    scale = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}.get(text[-1], 1)
    value = float(text.rstrip("kMGTP")) * scale
    assert (
        abs(value - number) <= (0.05 if "." in text else 0.5) * scale * (scale > 1) + 1e-9 * number
    )


def test_the_rate_forgets_a_slow_first_step() -> None:
    pace = Pace(begun=0.0)
    pace.advance(1, 60.0)  # compilation
    assert pace.rate == pytest.approx(1 / 60)
    for second in range(1, 61):
        pace.advance(10, 60.0 + second)
    assert pace.rate == pytest.approx(10, rel=0.1)
    assert pace.left(1000, 120.0) == pytest.approx((1000 - 601) / (pace.rate or math.nan))


def test_what_an_earlier_attempt_has_done_is_no_speed() -> None:
    pace = Pace(begun=0.0)
    pace.advance(5000, 0.001)
    for second in range(1, 11):
        pace.advance(10, float(second))
    assert pace.done == 5100
    assert pace.rate == pytest.approx(10, rel=1e-3)


def test_no_time_left_is_told_too_early() -> None:
    pace = Pace(begun=0.0)
    for tenth in range(2, 15):
        pace.advance(1, tenth / 10)
        assert pace.left(100, tenth / 10) is None
    pace.advance(1, 3.0)
    assert pace.left(100, 3.0) is not None


@given(
    st.dictionaries(
        st.text("abcdef/_", min_size=1, max_size=20), st.floats(allow_nan=False), max_size=8
    ),
    st.integers(20, 120),
)
def test_metrics_are_whole_pairs_or_counted(metrics: dict[str, float], width: int) -> None:
    line = metrics_line(3, metrics, width)
    assert len(line) <= width
    if line and "more" not in line:
        assert all(name in line for name in metrics)


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, ""), (math.inf, ""), (0.021, "47.6s/it"), (999.6, "1000/s")]
)
def test_odd_rates(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_work_that_is_not_counted_shows_its_time() -> None:
    assert (
        bar_line("writing the report", 0, None, elapsed=7.2, width=40) == "writing the report 0:07"
    )
    assert bar_line("walks", 3, None, rate=2.0, elapsed=7.2, width=40) == "walks 3 2/s"


@settings(max_examples=size("bar_lines"))
@given(
    st.lists(st.text("abc/-", min_size=1, max_size=50), min_size=1, max_size=30),
    st.integers(20, 120),
)
def test_a_wrapped_text_keeps_its_words_and_fits_where_words_do(
    words: list[str], width: int
) -> None:
    lines = wrapped(" ".join(words), width).splitlines()
    assert [word for line in lines for word in line.split(" ")] == words
    assert all(len(line) <= width or line.count(" ") < 2 for line in lines)


@pytest.mark.parametrize(
    "line", ['  File "task.py", line 3, in run', "run 20261130-120541-cartpole"]
)
def test_code_and_paths_are_not_wrapped(line: str) -> None:
    assert wrapped(line, 20) == line
