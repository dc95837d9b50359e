"""Answers on new inputs: p-values by layer and of all layers together, and flags with a guarantee.

Calibration        scores of normal samples that no fit has seen, and the class that the network gave each
Rule               the rate of false alarms that is wanted, and what is calibrated apart
Judge              both together: `judge(scores)` gives p-values and flags, or it is refused because the samples are too few
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean

from taskloom_anomaly.detection.fusion import FUSED, fuse, p_values
from taskloom_anomaly.statistics.conformal import (
    allowed,
    certain_needed,
    certain_ranks,
    likely_rate,
    needed,
    require_rate,
    scale_part,
    scaled_needed,
)
from taskloom_anomaly.statistics.joint import Statistic, joint_p, scaled_statistic

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

# A class is calibrated by itself where so many more samples than are needed are expected, in standard deviations of their number.
_MARGIN = 2.0


@dataclass(frozen=True, eq=False)
class Answers(Mapping[str, "np.ndarray"]):
    """Scores of inputs by layer, which it is a mapping of; higher is more anomalous.

    Attributes:
        layer: Scores by layer, shape (n,).
        fused: One score an input, over all layers.
        predicted: The class that the network gives each input; None where it gives no class scores.
        outside: The number of features that never vary on trusted samples and depart in each input; None where that is not known.
    """

    layer: Mapping[str, Float[np.ndarray, " n"]]
    fused: Float[np.ndarray, " n"]
    predicted: Int[np.ndarray, " n"] | None = None
    outside: Int[np.ndarray, " n"] | None = None

    def __getitem__(self, name: str, /) -> np.ndarray:
        return self.layer[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layer)

    def __len__(self) -> int:
        return len(self.layer)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The samples against which p-values are taken.

    Attributes:
        scores: Their scores by layer.
        classes: The class that the network gives each; None where it gives no class scores.
        counts: Samples of the fit by the class that the network gives them.
    """

    scores: Mapping[str, Float[np.ndarray, " m"]]
    classes: Int[np.ndarray, " m"] | None = None
    counts: Int[np.ndarray, " classes"] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.scores.values()), ()))

    def take(self, rows: np.ndarray) -> Calibration:
        """Return some of the samples."""
        return Calibration({name: values[rows] for name, values in self.scores.items()})


@dataclass(frozen=True)
class Rule:
    """The condition under which an input is flagged.

    Attributes:
        fpr: Rate of false alarms: a normal input is flagged with at most this probability.
        certain: Confidence with which the rate of *this* calibration set is at most `fpr`; None promises it over calibration sets only.
        by_class: Whether every predicted class is calibrated by itself.
        layer: The layer whose p-value counts, or `fused`.
        statistic: The statistic that joins the layers.
    """

    fpr: float = 0.01
    certain: float | None = None
    by_class: bool = False
    layer: str = FUSED
    statistic: Statistic = "cauchy"

    def splits(self, layers: int) -> bool:
        """Return whether some calibration samples put the layers on one scale and the others alone carry the threshold.

        The p-value of all layers together ranks the input among the samples, so that its rate on one calibration set is no order statistic: it is
        exact over sets, and no confidence for this one can be stated. A score that is one function of the input has that confidence.
        """
        return self.certain is not None and self.layer == FUSED and layers > 1

    def ranks(self, m: int) -> int:
        """Return how many of m + 1 ranks are flagged."""
        if self.certain is None:
            return allowed(self.fpr, m)
        return certain_ranks(self.fpr, m, self.certain)

    @property
    def fewest(self) -> int:
        """The fewest calibration samples with which anything can be flagged."""
        if self.certain is None:
            return needed(self.fpr)
        return certain_needed(self.fpr, self.certain)


@dataclass(frozen=True, eq=False)
class Judged:
    """The p-values and flags of inputs.

    Attributes:
        p: p-values by layer, and `fused`.
        flag: Whether each input is flagged.
    """

    p: Mapping[str, Float[np.ndarray, " n"]]
    flag: Bool[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Judge:
    """A calibration set with a rule, ready to answer.

    Attributes:
        known: The calibration samples.
        rule: The rule.
        promises: Whether the rule must be keepable; without it p-values alone are asked for.
    """

    known: Calibration
    rule: Rule = Rule()
    promises: bool = True

    def __post_init__(self) -> None:
        require_rate(self.rule.fpr)
        if self.rule.certain is not None:
            require_rate(self.rule.certain, "--certain")
        known = [*self.known.scores, FUSED]
        if self.rule.layer not in known:
            hint = did_you_mean(self.rule.layer, known)
            raise ConfigError(
                f"The detector has no layer '{self.rule.layer}'; it has {', '.join(known)}.",
                hint=hint.capitalize(),
            )
        if self.promises:
            for words, rows in self._named_groups:
                _require_enough(self.rule, len(rows), words, splits=self._splits)

    @property
    def _splits(self) -> bool:
        return self.rule.splits(len(self.known.scores))

    def _carrying(self, m: int) -> int:
        """Return how many of m samples carry p-values."""
        return m - scale_part(m) if self._splits else m

    @property
    def sizes(self) -> list[int]:
        """The number of samples that carry the p-values of each group."""
        return [self._carrying(len(rows)) for rows in self.groups]

    @property
    def m(self) -> int:
        """The number of samples that carry p-values, over all groups."""
        return sum(self.sizes)

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """Rows of the calibration samples of each group; one group where classes are not told apart."""
        return [rows for _, rows in self._named_groups]

    @cached_property
    def group_of_class(self) -> Int[np.ndarray, " classes"] | None:
        """The group of each class; None where classes are not told apart."""
        if not self.rule.by_class:
            return None
        known = self.known
        if known.classes is None or known.counts is None:
            raise ConfigError(
                "--by-class needs the classes that the network gives, and the detector knows none: it was fitted on a network without"
                " class scores, or by an earlier version."
            )
        # Chosen by the samples of the fit: groups chosen by those of the calibration would depend on what they are held against.
        expected = known.counts * (len(known) / max(int(known.counts.sum()), 1))
        fewest = scaled_needed(self.rule.fewest) if self._splits else self.rule.fewest
        is_large = expected >= fewest + _MARGIN * np.sqrt(expected)
        group = np.cumsum(is_large) - 1
        return np.where(is_large, group, int(is_large.sum()))

    @cached_property
    def _named_groups(self) -> list[tuple[str, np.ndarray]]:
        own = self.group_of_class
        if own is None:
            return [("", np.arange(len(self.known)))]
        assert self.known.classes is not None
        of_row = own[self.known.classes]
        found = []
        for group in np.unique(own):
            classes = np.flatnonzero(own == group)
            listed = ", ".join(map(str, classes[:8])) + (" ..." if len(classes) > 8 else "")
            words = f"class {listed}" if len(classes) == 1 else f"the classes {listed} together"
            found.append((words, np.flatnonzero(of_row == group)))
        return found

    def __call__(
        self, scores: Mapping[str, np.ndarray], predicted: np.ndarray | None = None
    ) -> Judged:
        """Return p-values and flags of inputs.

        Args:
            scores: Their scores by layer.
            predicted: The class that the network gives each, where classes are told apart.

        Raises:
            ConfigError: Classes are told apart, and the network gives none.
        """
        count = len(next(iter(scores.values()), ()))
        own = self.group_of_class
        if own is None:
            return self._judged(scores, self.known)
        if predicted is None:
            raise ConfigError("--by-class needs a network that gives class scores.")
        of_input = own[predicted]
        p = {name: np.ones(count) for name in [*self.known.scores, FUSED]}
        flag = np.zeros(count, bool)
        for group, rows in enumerate(self.groups):
            inputs = np.flatnonzero(of_input == group)
            if len(inputs):
                part = {name: values[inputs] for name, values in scores.items()}
                found = self._judged(part, self.known.take(rows))
                flag[inputs] = found.flag
                for name, values in found.p.items():
                    p[name][inputs] = values
        return Judged(p, flag)

    def _judged(self, scores: Mapping[str, np.ndarray], known: Calibration) -> Judged:
        p = {name: p_values(scores[name], known.scores[name]) for name in known.scores}
        m = self._carrying(len(known))
        if self._splits:
            p[FUSED] = self._one_function(scores, known)
        else:
            held = np.stack([known.scores[name] for name in known.scores], axis=1)
            rows = np.stack([scores[name] for name in known.scores], axis=1)
            p[FUSED] = joint_p(rows, held, self.rule.statistic)
        # Ranks are whole numbers, so that half of one is no matter of rounding.
        flag = p[self.rule.layer] * (m + 1) <= self.rule.ranks(m) + 0.5
        return Judged(p, flag)

    def _one_function(
        self, scores: Mapping[str, np.ndarray], known: Calibration
    ) -> Float[np.ndarray, " n"]:
        """Return p-values of one score of all layers, by the scale of some samples, among the others: exact order statistics."""
        # At random, but always alike: the samples may be in the order of their time.
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(known))
        scale = known.take(order[: scale_part(len(known))]).scores
        held = known.take(order[scale_part(len(known)) :]).scores
        parts = [{name: part[name] for name in scale} for part in (held, scores)]
        # What lies above the whole scale in every layer is told apart by how far.
        far = np.concatenate([fuse(part, scale, "mean") for part in parts])
        first = np.concatenate(
            [scaled_statistic(part, scale, self.rule.statistic) for part in parts]
        )
        joined = np.lexsort((far, first))
        same = (np.diff(first[joined]) == 0) & (np.diff(far[joined]) == 0)
        rank = np.empty(len(joined))
        rank[joined] = np.concatenate([[0], np.cumsum(~same)])
        m = len(first) - len(next(iter(scores.values())))
        return np.asarray(p_values(rank[m:], rank[:m]))

    @property
    def threshold(self) -> float:
        """The largest p-value that is flagged, that of the largest group."""
        m = max(self.sizes)
        return self.rule.ranks(m) / (m + 1)

    @property
    def likely(self) -> float:
        """The bound below which the realised rate lies in 95 % of calibration sets, in the worst group."""
        return max(likely_rate(self.rule.ranks(m), m) for m in self.sizes)


def _require_enough(rule: Rule, m: int, words: str, *, splits: bool) -> None:
    fewest = scaled_needed(rule.fewest) if splits else rule.fewest
    if m >= fewest:
        return
    of = f" for {words}" if words else ""
    lowest = 1 / (m + 1)
    if rule.certain is None:
        raise ConfigError(
            f"--fpr={rule.fpr:g} needs {rule.fewest} calibration samples{of}; there are {m}: the lowest possible is"
            f" {_rounded_up(lowest)}.",
            hint="tasks anomaly calibrate DETECTOR DATA takes more",
        )
    raise ConfigError(
        f"--fpr={rule.fpr:g} with --certain={rule.certain:g} needs {fewest} calibration samples{of}; there are {m}."
        + (
            f" A quarter of them puts the layers on one scale; a single --layer needs {rule.fewest}."
            if splits
            else ""
        ),
        hint="tasks anomaly calibrate DETECTOR DATA takes more",
    )


def _rounded_up(value: float) -> str:
    """Return a rate with two digits, not below itself: what is told must work."""
    digits = 1 - int(np.floor(np.log10(value)))
    return f"{np.ceil(value * 10**digits - 1e-9) / 10**digits:.{max(digits, 0)}f}"
