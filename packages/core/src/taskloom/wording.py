"""Sentences and digits of a headline: one sentence for each outcome, and no digit that its interval does not support.

Domain words are passed in; the frame of each sentence is the same in every domain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from taskloom.headline import LONGEST_SENTENCE, Baseline, Headline, Verdict

# A double carries 15 decimal digits; beyond 12 places a reader counts zeros.
_MOST_PLACES = 12
_MOST_DIGITS = 8
_WHOLE_BELOW = 1e15
# With names no longer than this every sentence fits, whatever the components are called.
_LONGEST_NAME = 40
_LONGEST_WORD = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Domain words of the sentences.

    Attributes:
        subject: The solver, as the sentence begins: "The assistant big".
        verb: Verb before the difference: "takes".
        unit: Unit of the difference: "rounds".
        more: Word for a value above the baseline's: "higher", "more".
        less: Word for a value below the baseline's: "lower", "fewer".
        units: The independent units, plural: "episodes".
        lever: One more sentence where the outcome is worse: "Train longer: `--train.steps`."
    """

    subject: str
    verb: str = "reaches"
    unit: str = ""
    more: str = "higher"
    less: str = "lower"
    units: str = "units"
    lever: str = ""


def places_of(half_width: float) -> int | None:
    """Return the decimal places that two significant digits of a half width leave; None if it supports none.

    Places are negative from 100 on: a half width of 1234 rounds to hundreds.

    Example:
        >>> places_of(0.0129), places_of(0.0996), places_of(1234.0), places_of(0.0)
        (3, 2, -2, None)
    """
    if not 0 < half_width < math.inf:
        return None
    # The exponent *after* rounding: 0.0996 has the two digits 0.10.
    return 1 - _exponent(half_width, 1)


def format_value(value: float, half_width: float | None = None) -> str:
    """Return a number with the digits that its interval supports: two significant digits of the half width.

    Args:
        value: Any number; whole numbers below 1e15 never lose digits for want of an interval.
        half_width: Half the width of its interval; without one four significant digits are shown.

    Example:
        >>> format_value(12.9381, 0.491), format_value(0.0127, 0.0129), format_value(2000000.0)
        ('12.94', '0.013', '2000000')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    places = None if half_width is None else places_of(half_width)
    if places is None:
        if abs(value) < _WHOLE_BELOW and (value == int(value) or abs(value) >= 1e4):
            return _without_sign_of_zero(f"{value:.0f}")
        return f"{value:.4g}"
    if places <= _MOST_PLACES and abs(value) < _WHOLE_BELOW:
        return _without_sign_of_zero(f"{round(value, places):.{max(0, places)}f}")
    if value == 0:
        return "0"
    digits = _exponent(value, 0) + places
    return f"{value:.{min(max(digits, 0), _MOST_DIGITS)}e}"


def format_bound(value: float, half_width: float | None = None) -> str:
    """Return an end of an interval, which keeps its sign: what would round to 0 is shown to its first digit.

    Args:
        value: The end.
        half_width: Half the width of the interval.

    Example:
        >>> format_bound(-0.0002, 0.0129), format_bound(0.0256, 0.0129), format_bound(0.0, 0.0129)
        ('-0.0002', '0.026', '0.000')
    """
    text = format_value(value, half_width)
    if value == 0 or any(digit in "123456789" for digit in text):
        return text
    places = max(0, -_exponent(value, 0))
    return f"{value:.{places}f}" if places <= _MOST_PLACES else f"{value:.0e}"


def outcome_sentence(
    verdict: Verdict,
    *,
    value: float,
    low: float | None = None,
    high: float | None = None,
    baseline: Baseline,
    words: Words,
    level: float = 0.95,
) -> str:
    """Return the sentence of an outcome against a baseline; at most 280 characters, ends with a full stop.

    Args:
        verdict: `better`, `worse`, `undecided` or `identical`; the others are said in words of the domain.
        value: The headline's value.
        low: Lower end of its interval, or None.
        high: Upper end of its interval, or None.
        baseline: What it was held against.
        words: Domain words.
        level: Level of the intervals.

    Raises:
        ValueError: The verdict is another, or the baseline lacks the interval that it needs.

    Example:
        >>> none = Baseline(name="no assistant", command="tasks run ...", value=12.938, difference=-9.577,
        ...     difference_low=-10.068, difference_high=-9.086, paired=True, n=1000)
        >>> big = Words(subject="The assistant big", verb="takes", unit="rounds", less="fewer", units="episodes")
        >>> outcome_sentence("better", value=3.361, baseline=none, words=big)
        'The assistant big takes 9.58 rounds fewer than no assistant (95 % interval 9.09 to 10.07, paired over 1,000 episodes).'
    """
    if verdict == "identical":
        return _identical(baseline, words)
    d, ends = baseline.difference, (baseline.difference_low, baseline.difference_high)
    if verdict not in ("better", "worse", "undecided") or d is None or None in ends:
        raise ValueError(
            f"A sentence against a baseline needs its verdict and an interval, not {verdict!r}."
        )
    d_low, d_high = (float(end) for end in ends if end is not None)
    if verdict == "undecided":
        half = _half(low, high, (d_high - d_low) / 2)
        ours = format_value(value, half)
        return _undecided(ours, d, (d_low, d_high), baseline, words=words, level=level)
    text = _told_apart(d, (d_low, d_high), baseline, words, level)
    lever = f" {words.lever.rstrip('.')}." if verdict == "worse" and words.lever else ""
    return text + lever if len(text + lever) <= LONGEST_SENTENCE else text


def figure_line(headline: Headline) -> str:
    """Return the figure of a headline with its interval on one line.

    Example:
        >>> figure_line(Headline(metric="rounds/mean", title="Rounds", value=3.376, low=3.313, high=3.439, unit="rounds",
        ...     better="lower", baseline=None, no_baseline="none", verdict="none", sentence="Done."))
        '3.376 rounds (95 % interval 3.313 to 3.439)'
    """
    low, high = headline.low, headline.high
    half = None if low is None or high is None else (high - low) / 2
    ends = f"no interval: {headline.no_interval}"
    if low is not None and high is not None:
        bounds = f"{format_bound(low, half)} to {format_bound(high, half)}"
        ends = f"{_percent(headline.level)} interval {bounds}"
    figure = f"{format_value(headline.value, half)} {headline.unit}".rstrip()
    return f"{figure} ({ends})"


def shorten(text: str, limit: int) -> str:
    """Return the text on one line, cut at a word's end with three dots if it is longer than the limit.

    Example:
        >>> shorten("a rather long name", 12)
        'a rather...'
    """
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = line[: limit - 2].rpartition(" ")[0] or line[: limit - 3]
    return head[: limit - 3].rstrip() + "..."


def _told_apart(
    d: float, ends: tuple[float, float], baseline: Baseline, words: Words, level: float
) -> str:
    # Turned to the size of the difference: the word says the direction, so every number is positive.
    word, (low, high) = (words.more, ends) if d > 0 else (words.less, (-ends[1], -ends[0]))
    half = (high - low) / 2
    middle = " ".join(
        part for part in (_word(words.verb), format_value(abs(d), half), _word(words.unit)) if part
    )
    head = f"{_name(words.subject)} {middle} {_word(word)} than {_name(baseline.name)}"
    how = f"paired over {baseline.n:,} {_word(words.units)}" if baseline.paired else "not paired"
    if low == high:
        return _fit(f"{head} ({how}; every difference is equal, an interval of length 0).")
    bounds = f"{format_bound(low, half)} to {format_bound(high, half)}"
    return _fit(f"{head} ({_percent(level)} interval {bounds}, {how}).")


def _undecided(
    ours: str,
    d: float,
    ends: tuple[float, float],
    baseline: Baseline,
    *,
    words: Words,
    level: float,
) -> str:
    half = (ends[1] - ends[0]) / 2
    theirs = format_value(baseline.value, _half(baseline.low, baseline.high, half))
    percent = _percent(level)
    article = "an" if percent.startswith("8") else "a"
    bounds = f"from {format_bound(ends[0], half)} to {format_bound(ends[1], half)}"
    return _fit(
        f"{_name(words.subject)} {_word(words.verb)} {ours}, {_name(baseline.name)} {theirs}: "
        f"the difference of {format_value(d, half)} has {article} {percent} interval {bounds}."
    )


def _identical(baseline: Baseline, words: Words) -> str:
    first, _, rest = _name(words.subject).partition(" ")
    # Only an article loses its capital inside a sentence; a component's name is spelled as it is.
    inside = f"{first.lower()} {rest}" if first in ("The", "A", "An") and rest else words.subject
    inside = _name(inside)
    if baseline.n < 2:
        return f"Everything is equal with and without {inside}: it changed nothing."
    return _fit(
        f"All {baseline.n:,} {_word(words.units)} are equal with and without {inside}: it changed nothing."
    )


def _half(low: float | None, high: float | None, otherwise: float) -> float:
    return otherwise if low is None or high is None else (high - low) / 2


def _percent(level: float) -> str:
    return f"{100 * level:.6g} %"


def _name(text: str) -> str:
    return shorten(text, _LONGEST_NAME)


def _word(text: str) -> str:
    return shorten(text, _LONGEST_WORD)


def _fit(sentence: str) -> str:
    """Return the sentence within its limit; with the longest words and numbers together it may lose its end."""
    return shorten(sentence, LONGEST_SENTENCE)


def _exponent(value: float, digits: int) -> int:
    """Return the decimal exponent of a number after rounding it to `digits` places after its first digit."""
    return int(f"{value:.{digits}e}".partition("e")[2])


def _without_sign_of_zero(text: str) -> str:
    return text if any(digit in "123456789" for digit in text) else text.lstrip("-")
