"""The one result of a run that is shown large: value, interval, baseline, verdict and a sentence.

A domain fills a `Headline`; report, viewer, listings, comparison and notebook show it. The verdict follows from the numbers
(`verdict_of`), in one place, and a record whose verdict its numbers do not support cannot be made. Sentences and digits:
`taskloom.wording`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    # Type-only: a listing reads headlines and computes no statistics.
    from taskloom.statistics.differences import Difference
    from taskloom.statistics.intervals import Interval

Better: TypeAlias = Literal["higher", "lower"]
Verdict: TypeAlias = Literal[
    "better", "worse", "undecided", "identical", "solved", "unsolved", "none", "invalid"
]

LONGEST_SENTENCE = 280
MOST_COMPANIONS = 3

# Words come before colour: the band can be read in black and white. B is the baseline's name.
_BAND = {
    "better": "Better than {}",
    "worse": "Worse than {}",
    "undecided": "Not shown to be better than {}",
    "identical": "Exactly {}",
    "solved": "Solved",
    "unsolved": "Not solved",
    "none": "No verdict",
    "invalid": "Not valid",
}
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number beside the headline.

    Attributes:
        label: Name: "found at 1 % false alarms".
        text: The number with its unit, as shown.
        note: One line below it; may be empty.
    """

    label: str
    text: str
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a figure without a label or without text."""
        if not self.label or not self.text:
            raise ValueError("A figure needs a label and a text.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The plainest solver on the same problem.

    Attributes:
        name: Name as shown after "than": "no assistant".
        command: The command that gives it, or a sentence where there is none.
        value: Its figure, in the headline's unit.
        low: Lower end of its interval, or None.
        high: Upper end of its interval, or None.
        difference: Headline's value less the baseline's, never sign-turned; None if the headline has no finite value.
        difference_low: Lower end of the interval of the difference, or None.
        difference_high: Upper end of the interval of the difference, or None.
        paired: True if both were measured on the same units.
        n: Units behind the difference.
    """

    name: str
    command: str
    value: float
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    paired: bool = False
    n: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        if not self.name:
            raise ValueError("A baseline needs a name.")
        if not math.isfinite(self.value):
            raise ValueError(
                f"The baseline {self.name!r} has no finite value: leave it out and say why in no_baseline."
            )
        _check_ends(self.low, self.high, "baseline")
        _check_ends(self.difference_low, self.difference_high, "difference")
        if self.difference is None and self.difference_low is not None:
            raise ValueError("An interval of the difference needs the difference.")
        if self.difference is not None and not math.isfinite(self.difference):
            raise ValueError("A difference is finite, or None.")
        if self.n < (self.difference_low is not None):
            raise ValueError("An interval of the difference needs the number of its units, n.")

    @classmethod
    def measured(
        cls, name: str, command: str, own: Interval, difference: Difference | None
    ) -> Baseline:
        """Return the baseline of measured intervals.

        Args:
            name: Name as shown after "than".
            command: The command that gives it, or a sentence.
            own: Interval of the baseline itself.
            difference: Headline less baseline; None if it cannot be taken.

        Example:
            >>> from taskloom.statistics import mean_interval, paired_difference
            >>> ours, none = {0: 3.0, 1: 4.0, 2: 4.0}, {0: 9.0, 1: 8.0, 2: 9.0}
            >>> own = mean_interval(list(none.values()))
            >>> Baseline.measured("none", "tasks run ...", own, paired_difference(ours, none)).n
            3
        """
        if difference is None:
            return cls(name=name, command=command, value=own.estimate, low=own.low, high=own.high)
        return cls(
            name=name,
            command=command,
            value=own.estimate,
            low=own.low,
            high=own.high,
            difference=difference.interval.estimate,
            difference_low=difference.interval.low,
            difference_high=difference.interval.high,
            paired=difference.paired,
            n=difference.interval.n,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The result of a run that is shown large.

    Attributes:
        metric: Key in `Result.metrics`: "auroc/fused".
        title: What the number is: "Area under the ROC curve, layers fused".
        value: The number; finite, else the verdict is "invalid".
        low: Lower end of its interval, or None.
        high: Upper end of its interval, or None.
        level: Level of all intervals of this record.
        no_interval: Reason, if and only if `low` is None: "one episode".
        unit: Unit in words: "rounds per episode".
        better: Direction that is better.
        baseline: The plainest solver on the same problem, or None.
        no_baseline: Reason, if and only if `baseline` is None.
        verdict: What the numbers say (`verdict_of`).
        sentence: Plain text on one line, at most 280 characters, ends with a full stop.
        companions: At most three figures beside it.
    """

    metric: str
    title: str
    value: float
    low: float | None
    high: float | None
    level: float = 0.95
    no_interval: str = ""
    unit: str = ""
    better: Better
    baseline: Baseline | None
    no_baseline: str = ""
    verdict: Verdict
    sentence: str
    companions: tuple[Figure, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a record that contradicts itself."""
        if not self.metric or not self.title:
            raise ValueError("A headline needs a metric and a title.")
        if self.better not in get_args(Better):
            raise ValueError(f"Better is 'higher' or 'lower', not {self.better!r}.")
        if not 0 < self.level < 1:
            raise ValueError(f"The level of an interval lies between 0 and 1, not {self.level}.")
        _check_ends(self.low, self.high, "headline")
        if (self.low is None) != bool(self.no_interval):
            raise ValueError("A headline has an interval, or a reason in no_interval, not both.")
        if (self.baseline is None) != bool(self.no_baseline):
            raise ValueError("A headline has a baseline, or a reason in no_baseline, not both.")
        is_line = self.sentence.endswith(".") and self.sentence.isprintable()
        if not is_line or len(self.sentence) > LONGEST_SENTENCE:
            raise ValueError(
                f"A headline's sentence is one line of at most {LONGEST_SENTENCE} characters that ends with a full stop."
            )
        if len(self.companions) > MOST_COMPANIONS:
            raise ValueError(
                f"A headline has at most {MOST_COMPANIONS} companions, not {len(self.companions)}."
            )
        _check_verdict(self)

    @property
    def band(self) -> str:
        """Words of the verdict band: "Better than no assistant"."""
        return _BAND[self.verdict].format(self.baseline.name if self.baseline else "a baseline")

    def to_json(self) -> dict[str, object]:
        """Return the record as plain JSON values; a number that is not finite becomes the word for it.

        Example:
            >>> tiny = Headline(metric="cost", title="Cost", value=1.0, low=None, high=None, no_interval="one episode",
            ...     better="lower", baseline=None, no_baseline="none given", verdict="none", sentence="Done.")
            >>> Headline.from_json(tiny.to_json()) == tiny
            True
        """
        plain = _plain(self)
        plain["baseline"] = None if self.baseline is None else _plain(self.baseline)
        plain["companions"] = [_plain(figure) for figure in self.companions]
        return plain

    @classmethod
    def from_json(cls, data: object) -> Headline:
        """Return the record that `to_json` wrote.

        Args:
            data: Parsed JSON.

        Raises:
            ValueError: A field is unknown, missing, of another type, or contradicts another; one sentence says which.
        """
        values = _read(cls, data, "headline")
        raw = values["baseline"]
        values["baseline"] = None if raw is None else Baseline(**_read(Baseline, raw, "baseline"))
        companions = values.get("companions", [])
        if not isinstance(companions, list | tuple):
            raise ValueError("The companions of a headline are a list.")
        values["companions"] = tuple(
            Figure(**_read(Figure, item, "companion")) for item in companions
        )
        return cls(**values)


def verdict_of(
    value: float,
    *,
    better: Better,
    baseline: Baseline | None = None,
    all_equal: bool = False,
    is_valid: bool = True,
    solved: bool | None = None,
) -> Verdict:
    """Return what the numbers of a run say.

    With d = value - baseline, turned so that positive is better, and its interval [l, h]: all units equal is `identical`,
    l > 0 `better`, h < 0 `worse`, else `undecided`. Without an interval of d it is never better or worse.

    Args:
        value: The headline's value.
        better: Direction that is better.
        baseline: What it is held against.
        all_equal: Every single unit is equal with and without.
        is_valid: The run passed its own checks; without that nothing else counts.
        solved: Outcome of the task's success criterion, if it has one.

    Raises:
        ValueError: All units are called equal, and the difference is not 0.

    Example:
        >>> none = Baseline(name="none", command="tasks run ...", value=12.9, difference=-9.6, difference_low=-10.1,
        ...     difference_high=-9.1, paired=True, n=1000)
        >>> verdict_of(3.3, better="lower", baseline=none)
        'better'
    """
    if not is_valid or not math.isfinite(value):
        return "invalid"
    ends = None if baseline is None else _turned_ends(baseline, better)
    # An interval of length 0 around 0 is more than undecided: no pair differs at all.
    is_same = baseline is not None and baseline.paired and ends == (0, 0)
    if baseline is not None and (all_equal or is_same):
        if baseline.difference:
            raise ValueError(f"Units are not all equal with a difference of {baseline.difference}.")
        return "identical"
    if ends is None:
        return "none" if solved is None else "solved" if solved else "unsolved"
    low, high = ends
    return "better" if low > 0 else "worse" if high < 0 else "undecided"


def _turned_ends(baseline: Baseline, better: Better) -> tuple[float, float] | None:
    """Return the interval of the difference, turned so that positive is better."""
    low, high = baseline.difference_low, baseline.difference_high
    if low is None or high is None:
        return None
    return (low, high) if better == "higher" else (-high, -low)


def _check_ends(low: float | None, high: float | None, of: str) -> None:
    if low is None and high is None:
        return
    # Written so that NaN, which no comparison holds for, is refused as well.
    if low is None or high is None or not -math.inf < low <= high < math.inf:
        raise ValueError(f"The interval of the {of} has two finite ends, the lower first.")


def _check_verdict(headline: Headline) -> None:
    verdict, baseline = headline.verdict, headline.baseline
    if verdict not in get_args(Verdict):
        raise ValueError(
            f"{verdict!r} is no verdict: they are {', '.join(map(str, get_args(Verdict)))}."
        )
    if not math.isfinite(headline.value) and verdict != "invalid":
        raise ValueError(f"A value of {headline.value} is invalid, not {verdict!r}.")
    if verdict == "invalid":
        return
    ends = None if baseline is None else _turned_ends(baseline, headline.better)
    if verdict == "identical":
        is_right = baseline is not None and baseline.difference == 0
    elif verdict in ("better", "worse", "undecided"):
        expected = verdict_of(headline.value, better=headline.better, baseline=baseline)
        is_right = ends is not None and verdict == expected
    else:
        # "none" may always be said: a network with random parameters has numbers that mean nothing.
        is_right = ends is None or verdict == "none"
    if not is_right:
        raise ValueError(f"The numbers of the headline do not say {verdict!r}.")


def _plain(record: Headline | Baseline | Figure) -> dict[str, Any]:
    return {field.name: _plain_value(getattr(record, field.name)) for field in fields(record)}


def _plain_value(value: object) -> object:
    # The same three words as in the rest of a run's record; JSON has no numbers for them.
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _read(cls: type[Headline | Baseline | Figure], data: object, of: str) -> dict[str, Any]:
    """Return the fields of a record, checked one by one; nested records stay as they are."""
    if not isinstance(data, Mapping):
        raise ValueError(f"The {of} of a run is a table of fields, not {type(data).__name__}.")
    known = {field.name: field for field in fields(cls)}
    for name in data:
        if name not in known:
            raise ValueError(f"{str(name)[:40]!r} is no field of a {of}.")
    values = {}
    for name, field in known.items():
        if name in data:
            values[name] = _checked(data[name], str(field.type), f"{of}.{name}")
        elif field.default is MISSING:
            raise ValueError(f"The {of} lacks its field {name!r}.")
    return values


def _checked(value: object, kind: str, where: str) -> object:
    """Return the value if it is of the kind that the field is annotated with."""
    if kind.startswith("float"):
        number = _SPECIAL.get(value) if isinstance(value, str) else value
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        # An integer beyond the floats is no measurement; float() would raise another class of error.
        is_huge = isinstance(number, int) and abs(number) > sys.float_info.max
        is_right = (is_number and not is_huge) or (value is None and "None" in kind)
        value = float(number) if is_right and isinstance(number, int | float) else value
    elif kind == "int":
        is_right = isinstance(value, int) and not isinstance(value, bool)
    elif kind == "bool":
        is_right = isinstance(value, bool)
    else:
        is_right = isinstance(value, str) or kind not in ("str", "Better", "Verdict")
    if not is_right:
        raise ValueError(f"{where} is of type {kind}, not {type(value).__name__}.")
    return value
