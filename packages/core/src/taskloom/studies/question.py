"""Question of a study: the metric, what is compared, and the statistics that answer it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from taskloom.errors import UsageError
from taskloom.registry.suggest import did_you_mean
from taskloom.settling import settle
from taskloom.statistics.bootstrap import LEAST_BOOTSTRAP
from taskloom.statistics.sequential import anytime_half_width
from taskloom.statistics.significance import family_level

Direction: TypeAlias = Literal["", "higher", "lower"]
Method: TypeAlias = Literal["t", "bootstrap"]
Test: TypeAlias = Literal["t", "sign-flip", "sign"]
Adjustment: TypeAlias = Literal["holm", "bh", "bonferroni", "none"]

_WIDTH = "half_width="
_MOST_SEEDS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQuestion:
    """Question that a study asks of its runs.

    Attributes:
        metric: Final metric of a run: `return/mean`.
        compare: Factors whose levels are compared; all pairs of levels, or each with the baseline.
        baseline: The level that the others are held against; empty for all pairs.
        better: Direction that is better, which marks the best cell; empty for none.
        level: Nominal coverage of every interval.
        interval: `t`, or `bootstrap` (BCa) from 20 seeds on.
        test: Test of no difference: `t`, `sign-flip` or `sign`.
        correct: Correction for several comparisons: `holm`, `bh`, `bonferroni` or `none`.
        share_of: Number of trials that the metric is a share of: a metric, a parameter or a number; empty for none.
        count_of: The same where the metric is a count of them.
        until: Rule that ends the study: `decided`, or `half_width=W`; empty for the seeds that were asked for.
        max_seeds: Seeds at which a study with a rule ends in any case.
        g: Scale of the anytime-valid intervals, in units; smaller favours large effects.
    """

    metric: str
    compare: tuple[str, ...] = ()
    baseline: str = ""
    better: Direction = ""
    level: float = 0.95
    interval: Method = "t"
    test: Test = "t"
    correct: Adjustment = "holm"
    share_of: str = ""
    count_of: str = ""
    until: str = ""
    max_seeds: int = 200
    g: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a question that cannot be meant.

        Raises:
            UsageError: A word is unknown, a number lies outside its range, or two parts contradict each other.
        """
        settle(self, StudyQuestion)
        object.__setattr__(self, "metric", self.metric.removeprefix("metrics."))
        if not self.metric:
            raise UsageError("A study needs --metric: the final metric of a run that it is about.")
        for name, allowed in (
            ("better", get_args(Direction)),
            ("interval", get_args(Method)),
            ("test", get_args(Test)),
            ("correct", get_args(Adjustment)),
        ):
            _check_word(name, getattr(self, name), allowed)
        if not 0 < self.level < 1:
            raise UsageError(f"--level is {self.level}; it must lie between 0 and 1.")
        if self.share_of and self.count_of:
            raise UsageError("--share-of and --count-of exclude each other.")
        if not 2 <= self.max_seeds <= _MOST_SEEDS:
            raise UsageError(f"--max-seeds is {self.max_seeds}; it must be 2 to {_MOST_SEEDS}.")
        if not 0 < self.g < math.inf:
            raise UsageError(f"--g is {self.g}; it must be above 0.")
        if self.baseline and len(self.compare) > 1:
            raise UsageError("--baseline goes with one factor in --compare.")
        self._check_rule()

    def _check_rule(self) -> None:
        if self.until not in ("", "decided") and self.half_width is None:
            raise UsageError(
                f"--until is {self.until!r}; write it as decided or half_width=WIDTH, with a width above 0.",
                hint=did_you_mean(self.until, ("decided", f"{_WIDTH}0.1")),
            )
        if self.until and (self.interval != "t" or self.test != "t"):
            raise UsageError(
                "--until has intervals and a test of its own; --interval and --test do not go with it."
            )

    @property
    def half_width(self) -> float | None:
        """Half width at which the study ends; None for another rule."""
        if not self.until.startswith(_WIDTH):
            return None
        try:
            width = float(self.until.removeprefix(_WIDTH))
        except ValueError:
            return None
        return width if 0 < width < math.inf else None

    @property
    def trials(self) -> str:
        """Name or number of the trials that the metric is a share or a count of; empty for a plain number."""
        return self.share_of or self.count_of

    def check_size(self, seeds: int) -> None:
        """Refuse seeds that are too few for the interval that is asked for, before anything is run.

        Raises:
            UsageError: So they are.
        """
        if self.interval == "bootstrap" and seeds < LEAST_BOOTSTRAP:
            raise UsageError(
                f"--interval=bootstrap needs {LEAST_BOOTSTRAP} seeds or more, not {seeds}: with fewer it covers 58 to 91 % "
                "instead of 95 %.",
                hint="--interval=t covers from 2 seeds on",
            )

    def first_look(self, comparisons: int) -> int:
        """Return the least number of seeds at which the rule can be met; before that there is nothing to look at."""
        level = family_level(self.level, max(1, comparisons))
        seeds = 2
        while seeds < self.max_seeds and math.isinf(
            anytime_half_width(seeds, level=level, g=self.g)
        ):
            seeds += 1
        return seeds


def _check_word(name: str, word: str, allowed: Sequence[str]) -> None:
    if word not in allowed:
        shown = [item for item in allowed if item]
        raise UsageError(
            f"--{name} is {word!r}; it must be {', '.join(shown[:-1])} or {shown[-1]}.",
            hint=did_you_mean(word, shown),
        )
