"""Sentences and digits: no digit that the interval does not support, no sign lost, no sentence too long."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st
from taskloom.headline import Baseline, Figure, Headline, Verdict, verdict_of
from taskloom.wording import Words, format_bound, format_value, outcome_sentence, places_of, shorten

finite = st.floats(allow_nan=False, allow_infinity=False)
BIG = Words(
    subject="The assistant big", verb="takes", unit="rounds", more="more", less="fewer", units="episodes"
)  # fmt: skip


def held(
    difference: float, low: float, high: float, *, value: float = 12.938, paired: bool = True
) -> Baseline:
    return Baseline(
        name="no assistant",
        command="tasks run hci pointing --assistant=none",
        value=value,
        difference=difference,
        difference_low=low,
        difference_high=high,
        paired=paired,
        n=1000,
    )


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (0.0127, 0.0129, "0.013"),
        (-9.577, 0.491, "-9.58"),
        (2.0, 2.48413771, "2.0"),
        (12.938, 0.0996, "12.94"),
        (56_789.0, 1_234.0, "56800"),
        (-0.0001, 0.05, "0.000"),
        (0.0, 1e-20, "0"),
        (1.5e-20, 1e-21, "1.50e-20"),
        (3e20, 1e18, "3.000e+20"),
    ],
)
def test_a_value_has_the_digits_that_its_interval_supports(
    value: float, half: float, text: str
) -> None:
    assert format_value(value, half) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98531, "0.9853"),
        (1000.0, "1000"),
        (6_766_540.0, "6766540"),
        (12_345.6, "12346"),
        (0.0, "0"),
        (-0.0, "0"),
        (2.0**49, "562949953421312"),
        (2.0**53, "9.007e+15"),
        (1e-9, "1e-09"),
        (math.nan, "NaN"),
        (-math.inf, "-infinity"),
    ],
)
def test_a_value_without_an_interval_keeps_whole_numbers_and_four_digits(
    value: float, text: str
) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (-0.0002, 0.0129, "-0.0002"),
        (0.00016, 0.0129, "0.0002"),
        (-4e-9, 0.5, "-0.000000004"),
        (-4e-30, 0.5, "-4e-30"),
        (0.0, 0.0129, "0.000"),
        (30.0, 5_000.0, "30"),
        (0.0256, 0.0129, "0.026"),
    ],
)
def test_a_bound_that_rounds_to_0_keeps_the_digits_of_its_sign(
    value: float, half: float, text: str
) -> None:
    assert format_bound(value, half) == text


@given(finite, st.floats(0, allow_nan=False))
def test_a_bound_never_loses_its_sign(value: float, half: float) -> None:
    shown = float(format_bound(value, half))
    assert (shown > 0, shown < 0) == (value > 0, value < 0)


@given(finite, st.floats(1e-9, 1e9))
def test_a_shown_value_is_off_by_less_than_a_fifteenth_of_the_half_width(
    value: float, half: float
) -> None:
    """Two digits of the half width, 1.0 at the least, leave half a unit of the second: a twentieth."""
    shown = Decimal(format_value(value, half))
    if abs(value) < 1e15:
        assert abs(shown - Decimal(value)) <= Decimal(half) / 15


@given(st.floats(1e-9, 1e9))
def test_a_half_width_itself_is_shown_with_two_digits(half: float) -> None:
    assert float(format_value(half, half)) == float(f"{half:.1e}")
    assert places_of(half) is not None


def test_a_better_outcome_is_said_with_its_interval() -> None:
    text = outcome_sentence(
        "better", value=3.361, baseline=held(-9.577, -10.068, -9.086), words=BIG
    )
    assert text == (
        "The assistant big takes 9.58 rounds fewer than no assistant "
        "(95 % interval 9.09 to 10.07, paired over 1,000 episodes)."
    )


def test_a_worse_outcome_adds_its_lever() -> None:
    words = Words(
        subject="The bound",
        verb="is",
        unit="nats per token",
        units="sequences",
        lever="Train longer: `--train.steps`.",
    )
    six = Baseline(
        name="a 6-gram model",
        command="six characters of context",
        value=1.0277,
        difference=0.05,
        difference_low=0.031,
        difference_high=0.069,
        n=227,
    )
    text = outcome_sentence("worse", value=1.0777, baseline=six, words=words)
    assert text == (
        "The bound is 0.050 nats per token higher than a 6-gram model "
        "(95 % interval 0.031 to 0.069, not paired). Train longer: `--train.steps`."
    )


def test_an_undecided_outcome_shows_both_values_and_the_interval() -> None:
    words = Words(subject="The fused detector", units="samples")
    pixels = Baseline(
        name="the same distance on the pixels",
        command="...",
        value=0.9726,
        difference=0.0127,
        difference_low=-0.0002,
        difference_high=0.0256,
        paired=True,
        n=2000,
    )
    text = outcome_sentence("undecided", value=0.9853, baseline=pixels, words=words)
    assert text == (
        "The fused detector reaches 0.985, the same distance on the pixels 0.973: "
        "the difference of 0.013 has a 95 % interval from -0.0002 to 0.026."
    )


def test_a_value_in_a_sentence_has_the_digits_of_its_own_interval() -> None:
    close = held(0.01, -0.2, 0.22, value=3.3456)
    text = outcome_sentence(
        "undecided", value=3.3556, low=1.3, high=5.4, baseline=close, words=BIG, level=0.8
    )
    assert "takes 3.4, no assistant 3.35" in text
    assert "has an 80 % interval" in text


def test_an_identical_outcome_says_that_nothing_changed() -> None:
    same = held(0.0, 0.0, 0.0)
    assert outcome_sentence("identical", value=1.0, baseline=same, words=BIG) == (
        "All 1,000 episodes are equal with and without the assistant big: it changed nothing."
    )
    plain = outcome_sentence("identical", value=1.0, baseline=same, words=Words(subject="mppi"))
    assert plain == "All 1,000 units are equal with and without mppi: it changed nothing."


def test_differences_that_are_all_equal_are_said_to_be() -> None:
    text = outcome_sentence("better", value=1.0, baseline=held(-2.0, -2.0, -2.0), words=BIG)
    assert text == (
        "The assistant big takes 2 rounds fewer than no assistant "
        "(paired over 1,000 episodes; every difference is equal, an interval of length 0)."
    )


@pytest.mark.parametrize("verdict", ["solved", "unsolved", "none", "invalid"])
def test_outcomes_without_a_baseline_are_said_by_the_domain(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match="needs its verdict and an interval"):
        outcome_sentence(verdict, value=1.0, baseline=held(1.0, 0.5, 1.5), words=BIG)


def test_a_long_text_is_cut_at_a_word_with_a_mark() -> None:
    assert shorten("Mahalanobis distance of layers", 20) == "Mahalanobis..."
    assert shorten("x" * 30, 10) == "xxxxxxx..."
    assert shorten("two\nlines", 20) == "two lines"
    assert shorten("exactly ten", 11) == "exactly ten"


@given(st.text(max_size=60), st.integers(4, 60))
def test_a_cut_text_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(shorten(text, limit)) <= limit


@given(
    st.tuples(finite, finite, finite),
    finite,
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=400),
    st.sampled_from([0.5, 0.8, 0.95, 0.999]),
)
def test_every_sentence_fits_a_headline(
    ends: tuple[float, float, float], value: float, name: str, level: float
) -> None:
    low, difference, high = sorted(ends)
    baseline = Baseline(
        name=name,
        command="...",
        value=value,
        difference=difference,
        difference_low=low,
        difference_high=high,
        paired=True,
        n=10**9,
    )
    words = Words(subject=name, verb=name, unit=name, more=name, less=name, units=name, lever=name)
    verdict = verdict_of(value, better="lower", baseline=baseline)
    sentence = outcome_sentence(verdict, value=value, baseline=baseline, words=words, level=level)
    made = Headline(
        metric="m",
        title="M",
        value=value,
        low=None,
        high=None,
        no_interval="one episode",
        better="lower",
        baseline=baseline,
        verdict=verdict,
        sentence=sentence,
        companions=(Figure("difference", format_value(difference)),),
    )
    assert made.sentence == sentence
