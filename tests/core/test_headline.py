"""The headline of a run: what its numbers say, what a record must hold, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st
from taskloom.headline import Baseline, Better, Figure, Headline, Verdict, verdict_of
from taskloom.statistics import mean_interval, paired_difference

numbers = st.floats(-1e9, 1e9)
directions: st.SearchStrategy[Better] = st.sampled_from(["higher", "lower"])


def baseline(least: float | None, most: float | None, **changes: Any) -> Baseline:  # noqa: ANN401 -- fields
    difference = 0.0 if least is None or most is None else least / 2 + most / 2
    fields: dict[str, Any] = {
        "name": "no assistant",
        "command": "tasks run hci pointing --assistant=none",
        "value": 12.938,
        "difference": difference,
        "difference_low": least,
        "difference_high": most,
        "paired": True,
        "n": 1000,
    }
    return Baseline(**{**fields, **changes})


def headline(**changes: Any) -> Headline:  # noqa: ANN401 -- fields
    fields: dict[str, Any] = {
        "metric": "rounds/mean",
        "title": "Rounds to the target",
        "value": 3.361,
        "low": 3.2,
        "high": 3.5,
        "unit": "rounds per episode",
        "better": "lower",
        "baseline": baseline(-10.068, -9.086),
        "verdict": "better",
        "sentence": "It helps.",
        "companions": (Figure("reached the goal", "99 %", "Wilson"),),
    }
    return Headline(**{**fields, **changes})


@pytest.mark.parametrize(
    ("low", "high", "better", "verdict"),
    [
        (-0.0002, 0.0256, "higher", "undecided"),
        (0.0001, 0.0256, "higher", "better"),
        (0.0001, 0.0256, "lower", "worse"),
        (-10.068, -9.086, "lower", "better"),
        (-10.068, -9.086, "higher", "worse"),
        (0.0, 0.1, "higher", "undecided"),
        (-0.1, 0.0, "lower", "undecided"),
        (0.3, 0.3, "higher", "better"),
        (0.0, 0.0, "higher", "identical"),
    ],
)
def test_a_verdict_follows_from_the_interval_of_the_difference(
    low: float, high: float, better: Better, verdict: Verdict
) -> None:
    assert verdict_of(1.0, better=better, baseline=baseline(low, high)) == verdict


def test_units_that_are_all_equal_are_identical() -> None:
    assert verdict_of(1.0, better="lower", baseline=baseline(None, None), all_equal=True) == (
        "identical"
    )


def test_units_cannot_be_all_equal_with_a_difference() -> None:
    with pytest.raises(ValueError, match="not all equal"):
        verdict_of(1.0, better="lower", baseline=baseline(1.0, 2.0), all_equal=True)


def test_a_difference_of_0_that_is_not_paired_is_not_identical() -> None:
    unpaired = baseline(0.0, 0.0, paired=False)
    assert verdict_of(1.0, better="lower", baseline=unpaired) == "undecided"


@pytest.mark.parametrize(
    ("solved", "verdict"), [(True, "solved"), (False, "unsolved"), (None, "none")]
)
def test_without_an_interval_of_the_difference_it_is_never_better_or_worse(
    solved: bool | None, verdict: Verdict
) -> None:
    for held_against in (None, baseline(None, None, difference=-5.0)):
        assert verdict_of(1.0, better="lower", baseline=held_against, solved=solved) == verdict


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_invalid(value: float) -> None:
    assert verdict_of(value, better="lower", baseline=baseline(1, 2), solved=True) == "invalid"


def test_a_failed_check_is_invalid_whatever_the_numbers_say() -> None:
    assert verdict_of(1.0, better="lower", baseline=baseline(-2, -1), is_valid=False) == "invalid"


@given(numbers, numbers, directions, numbers)
def test_turning_every_sign_and_the_direction_changes_no_verdict(
    one: float, other: float, better: Better, value: float
) -> None:
    low, high = sorted((one, other))
    opposite: Better = "lower" if better == "higher" else "higher"
    plain = verdict_of(value, better=better, baseline=baseline(low, high))
    turned = verdict_of(-value, better=opposite, baseline=baseline(-high, -low))
    assert turned == plain


@given(numbers, numbers, directions)
def test_turning_the_direction_alone_exchanges_better_and_worse(
    one: float, other: float, better: Better
) -> None:
    low, high = sorted((one, other))
    opposite: Better = "lower" if better == "higher" else "higher"
    exchanged = {"better": "worse", "worse": "better"}
    plain = verdict_of(1.0, better=better, baseline=baseline(low, high))
    turned = verdict_of(1.0, better=opposite, baseline=baseline(low, high))
    assert turned == exchanged.get(plain, plain)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12), directions)
def test_measured_data_and_their_mirror_have_one_verdict(
    pairs: list[tuple[float, float]], better: Better
) -> None:
    def judged(sign: int, direction: Better) -> Verdict:
        ours = {key: sign * a for key, (a, _) in enumerate(pairs)}
        theirs = {key: sign * b for key, (_, b) in enumerate(pairs)}
        own, difference = mean_interval(list(theirs.values())), paired_difference(ours, theirs)
        held = Baseline.measured("b", "c", own, difference)
        return verdict_of(difference.first, better=direction, baseline=held)

    assert judged(1, better) == judged(-1, "lower" if better == "higher" else "higher")


def test_a_measured_baseline_takes_its_numbers_from_the_intervals() -> None:
    ours, theirs = {0: 1.0, 1: 2.0, 2: 4.0}, {0: 2.0, 1: 4.0, 2: 7.0}
    own, difference = mean_interval(list(theirs.values())), paired_difference(ours, theirs)
    held = Baseline.measured("none", "tasks run", own, difference)
    assert (held.value, held.low, held.high) == (own.estimate, own.low, own.high)
    assert (held.difference, held.difference_low) == (-2.0, difference.interval.low)
    assert (held.paired, held.n) == (True, 3)
    alone = Baseline.measured("none", "tasks run", own, None)
    assert (alone.difference, alone.difference_low, alone.n) == (None, None, 0)


@pytest.mark.parametrize(
    ("verdict", "changes", "words"),
    [
        ("better", {}, "Better than no assistant"),
        ("worse", {"better": "higher"}, "Worse than no assistant"),
        ("undecided", {"baseline": baseline(-1, 1)}, "Not shown to be better than no assistant"),
        ("identical", {"baseline": baseline(0, 0)}, "Exactly no assistant"),
        ("solved", {"baseline": baseline(None, None)}, "Solved"),
        ("unsolved", {"baseline": None, "no_baseline": "one episode"}, "Not solved"),
        ("none", {"baseline": None, "no_baseline": "the task names none"}, "No verdict"),
        ("invalid", {}, "Not valid"),
    ],
)
def test_the_band_says_the_verdict_in_words(
    verdict: str, changes: dict[str, Any], words: str
) -> None:
    assert headline(verdict=verdict, **changes).band == words


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": ""}, "metric and a title"),
        ({"better": "smaller"}, "'higher' or 'lower'"),
        ({"level": 95}, "between 0 and 1"),
        ({"low": None}, "two finite ends"),
        ({"low": 4.0}, "lower first"),
        ({"high": math.inf}, "two finite ends"),
        ({"low": None, "high": None}, "interval, or a reason"),
        ({"no_interval": "one episode"}, "interval, or a reason"),
        ({"baseline": None}, "baseline, or a reason"),
        ({"no_baseline": "none given"}, "baseline, or a reason"),
        ({"verdict": "great"}, "no verdict"),
        ({"verdict": "worse"}, "do not say 'worse'"),
        ({"verdict": "identical"}, "do not say 'identical'"),
        ({"verdict": "solved"}, "do not say 'solved'"),
        ({"verdict": "better", "baseline": baseline(None, None)}, "do not say 'better'"),
        ({"value": math.nan}, "is invalid"),
        ({"sentence": "No stop"}, "full stop"),
        ({"sentence": ""}, "full stop"),
        ({"sentence": "Two.\nLines."}, "one line"),
        ({"sentence": 280 * "x" + "."}, "at most 280"),
        ({"companions": 4 * (Figure("a", "b"),)}, "at most 3"),
    ],
)
def test_a_headline_that_contradicts_itself_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        headline(**changes)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "needs a name"),
        ({"value": math.nan}, "no finite value"),
        ({"low": 1.0}, "two finite ends"),
        ({"difference_low": 3.0}, "lower first"),
        ({"difference": None}, "needs the difference"),
        ({"difference": math.inf}, "finite, or None"),
        ({"n": 0}, "number of its units"),
    ],
)
def test_a_baseline_that_contradicts_itself_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        baseline(1.0, 2.0, **changes)


def test_a_figure_without_text_is_refused() -> None:
    with pytest.raises(ValueError, match="label and a text"):
        Figure("share", "")


def test_the_longest_sentence_is_accepted() -> None:
    assert len(headline(sentence=279 * "x" + ".").sentence) == 280


def test_records_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        headline().value = 1.0  # type: ignore[misc]  # what the test is about
