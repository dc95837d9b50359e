"""From measured intervals to the headline of a run: the verdict and its sentence follow, and are never written by hand.

A domain measures; this module decides what the numbers say (`taskloom.headline.verdict_of`) and says it
(`taskloom.wording.outcome_sentence`). What a domain has to word by itself is only what no comparison covers.
"""

from __future__ import annotations

from taskloom.headline import LONGEST_SENTENCE, Baseline, Better, Figure, Headline, verdict_of
from taskloom.statistics.intervals import Interval
from taskloom.wording import Words, outcome_sentence, shorten

_COMPARED = ("better", "worse", "undecided", "identical")


def headline_of(
    *,
    metric: str,
    title: str,
    own: Interval,
    better: Better,
    baseline: Baseline | str,
    words: Words,
    unit: str = "",
    alone: str = "",
    also: str = "",
    fault: str = "",
    is_shown: bool = True,
    solved: bool | None = None,
    companions: tuple[Figure, ...] = (),
) -> Headline:
    """Return the headline of measured numbers.

    Args:
        metric: Key in `Result.metrics`.
        title: Name of the number in words.
        own: The value with its interval, or with the reason why it has none.
        better: Direction that is better.
        baseline: What it is held against, or the reason why there is nothing.
        words: Domain words of the sentences.
        unit: Unit in words.
        alone: Sentence where no interval of a difference is there: a solved episode, a figure without a baseline.
        also: One more sentence for every outcome that is told: the same detector on a network without poison.
        fault: Sentence that says why the numbers mean nothing; with it the verdict is `invalid`.
        is_shown: False where no verdict can be given although the numbers stand: a network with random parameters.
        solved: Outcome of the task's success criterion, if it has one.
        companions: At most three figures beside it.

    Raises:
        ValueError: The numbers contradict each other, or `alone` is empty where it is needed.

    Example:
        >>> from taskloom.statistics import mean_interval, paired_difference
        >>> ours, none = {0: 3.0, 1: 4.0, 2: 4.0}, {0: 9.0, 1: 8.0, 2: 9.0}
        >>> plain = Baseline.measured(
        ...     "no assistant", "tasks run ...", mean_interval(list(none.values())), paired_difference(ours, none)
        ... )
        >>> made = headline_of(
        ...     metric="rounds/mean", title="Rounds", own=mean_interval(list(ours.values())), better="lower",
        ...     baseline=plain, words=Words(subject="The assistant big", verb="takes", less="fewer", units="games"),
        ... )
        >>> made.verdict, made.band
        ('better', 'Better than no assistant')
    """
    against = None if isinstance(baseline, str) else baseline
    verdict = verdict_of(
        own.estimate, better=better, baseline=against, is_valid=not fault, solved=solved
    )
    if not is_shown and verdict != "invalid":
        verdict = "none"
    if verdict == "invalid":
        sentence = fault or f"The {title[:1].lower()}{title[1:]} is no finite number."
    elif verdict in _COMPARED and against is not None:
        sentence = outcome_sentence(
            verdict,
            value=own.estimate,
            low=own.low,
            high=own.high,
            baseline=against,
            words=words,
            level=own.level,
        )
    elif alone:
        sentence = alone
    else:
        raise ValueError(f"A headline with the verdict {verdict!r} needs a sentence of its domain.")
    whole = f"{sentence} {also}" if also and verdict != "invalid" else sentence
    return Headline(
        metric=metric,
        title=title,
        value=own.estimate,
        low=own.low,
        high=own.high,
        level=own.level,
        no_interval=own.no_interval,
        unit=unit,
        better=better,
        baseline=against,
        no_baseline=baseline if isinstance(baseline, str) else "",
        verdict=verdict,
        sentence=whole if len(whole) <= LONGEST_SENTENCE else shorten(sentence, LONGEST_SENTENCE),
        companions=companions,
    )
