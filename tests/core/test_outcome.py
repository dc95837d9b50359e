"""From intervals to a headline: the verdict follows from the numbers, and the sentence from the verdict."""

from __future__ import annotations

from typing import Any

import pytest
from taskloom.headline import Baseline
from taskloom.outcome import headline_of
from taskloom.statistics.differences import paired_difference
from taskloom.statistics.intervals import Interval, mean_interval
from taskloom.wording import Words

WORDS = Words(subject="The planner", verb="costs", more="more", less="less", units="games")


def measured(ours: list[float], theirs: list[float], **changes: Any) -> Any:  # noqa: ANN401 -- a headline
    first, second = dict(enumerate(ours)), dict(enumerate(theirs))
    plain = Baseline.measured(
        "no planner", "--planner=none", mean_interval(theirs), paired_difference(first, second)
    )
    given = {"metric": "cost", "title": "Cost", "better": "lower", "words": WORDS}
    return headline_of(**{**given, "own": mean_interval(ours), "baseline": plain, **changes})


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ([1.0, 2.0, 1.5], [9.0, 9.5, 9.9], "better"),
        ([9.0, 9.5, 9.9], [1.0, 2.0, 1.5], "worse"),
        ([1.0, 9.0, 5.0], [5.0, 5.0, 6.0], "undecided"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], "identical"),
    ],
)
def test_the_verdict_is_that_of_the_paired_difference(
    ours: list[float], theirs: list[float], verdict: str
) -> None:
    found = measured(ours, theirs)
    assert found.verdict == verdict
    assert ("no planner" in found.sentence) == (verdict != "identical")


def test_one_value_is_solved_or_not_and_never_better() -> None:
    one = Interval(0.2, None, None, 0.95, 1, "one", no_interval="one game")
    plain = Baseline(name="no planner", command="--planner=none", value=9.0, difference=-8.8)
    found = measured(
        [1.0, 2.0], [1.0, 2.0], own=one, baseline=plain, solved=True, alone="Solved it."
    )
    assert (found.verdict, found.sentence, found.no_interval) == (
        "solved",
        "Solved it.",
        "one game",
    )
    with pytest.raises(ValueError, match="needs a sentence"):
        measured([1.0, 2.0], [1.0, 2.0], own=one, baseline=plain, solved=True)


def test_a_fault_and_a_figure_that_is_not_finite_are_invalid() -> None:
    assert measured([1.0, 2.0], [3.0, 4.0], fault="It fell over.").sentence == "It fell over."
    bad = Interval(float("inf"), None, None, 0.95, 3, "t", no_interval="not finite")
    found = measured([1.0], [2.0], own=bad, baseline="not finite")
    assert (found.verdict, found.sentence) == ("invalid", "The cost is no finite number.")


def test_numbers_that_mean_nothing_are_shown_without_a_verdict() -> None:
    found = measured([1.0, 2.0], [9.0, 9.5], is_shown=False, alone="The parameters are random.")
    assert (found.verdict, found.sentence) == ("none", "The parameters are random.")


def test_a_second_sentence_follows_every_outcome() -> None:
    found = measured([1.0, 2.0, 1.5], [9.0, 9.5, 9.9], also="Elsewhere it is 3.")
    assert found.sentence.endswith(" Elsewhere it is 3.")
