"""Answers on a stream of inputs: batch after batch, and a tally of bounded size over all of them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from taskloom.errors import ConfigError, RunFailedError

from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.data.streams import Data, Part
from taskloom_anomaly.detection.answers import Answers, Judge, Judged
from taskloom_anomaly.detection.fusion import FUSED, fuse
from taskloom_anomaly.detectors.base import Features

if TYPE_CHECKING:
    from taskloom_anomaly.detection.artifacts import StoredDetector

Scorer: TypeAlias = Callable[[Part], Answers]
"""Scores the rows of a part."""

# Inputs that the page draws, and whose scores it shows.
DRAWN = 50
_SHOWN = 1000


@dataclass(frozen=True, eq=False)
class Answered:
    """The answers to a part.

    Attributes:
        part: The inputs.
        answers: Their scores; None where no row could be scored.
        judged: Their p-values and flags.
    """

    part: Part
    answers: Answers | None = None
    judged: Judged | None = None

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield one line a row in the order of the rows, of those that are errors, too."""
        errors = dict(self.part.errors)
        good = {row: index for index, row in enumerate(self.part.rows)}
        for row in sorted([*errors, *good]):
            yield self._line(good[row]) if row in good else {"row": row, "error": errors[row]}

    def _line(self, index: int) -> dict[str, Any]:
        answers, judged = self.answers, self.judged
        assert answers is not None
        assert judged is not None
        line: dict[str, Any] = {
            "id": self.part.ids[index],
            "row": self.part.rows[index],
            "score": {
                **{name: float(values[index]) for name, values in answers.layer.items()},
                FUSED: float(answers.fused[index]),
            },
            "p": {name: float(values[index]) for name, values in judged.p.items()},
            "flag": bool(judged.flag[index]),
        }
        if answers.predicted is not None:
            line["predicted"] = int(answers.predicted[index])
        if answers.outside is not None:
            line["outside"] = int(answers.outside[index])
        return line


def answer(parts: Iterable[Part], scorer: Scorer, judge: Judge) -> Iterator[Answered]:
    """Yield the answers to each part, with p-values and flags; rows on which the network fails become errors, and the rest goes on."""
    for found in score_parts(parts, scorer):
        answers = found.answers
        judged = None if answers is None else judge(answers, answers.predicted)
        yield replace(found, judged=judged)


def score_parts(parts: Iterable[Part], scorer: Scorer) -> Iterator[Answered]:
    """Yield the scores of each part; rows on which the network fails become errors, and the rest goes on."""
    for part in parts:
        if not part.rows:
            yield Answered(part)
            continue
        try:
            yield Answered(part, scorer(part))
        except (ConfigError, RunFailedError):
            yield _one_by_one(part, scorer)


def _one_by_one(part: Part, scorer: Scorer) -> Answered:
    """Score rows alone, to find those that cannot be.

    Raises:
        ConfigError: None of several can be, so that it is not the rows.
    """
    keep, errors, last = [], list(part.errors), None
    for index, row in enumerate(part.rows):
        try:
            scorer(part.only([index]))
            keep.append(index)
        except (ConfigError, RunFailedError) as error:
            errors.append((row, error.message.rstrip(".")))
            last = error
    if not keep and last is not None and len(part.rows) > 1:
        raise last
    rest = replace(part.only(keep), errors=sorted(errors))
    return Answered(rest, scorer(rest) if keep else None)


def scorer_of_activations(stored: StoredDetector) -> Scorer:
    """Return what scores activations of a detector's layers, (n, d) each, without a network.

    Args:
        stored: The detector.
    """

    def score(part: Part) -> Answers:
        activations = dict(part.activations)
        logits = activations.pop("logits", None) if "logits" not in stored.layers else None
        features = Features(activations=activations, logits=logits)
        try:
            found = stored.detector.score(stored.tensors, features)
        except ValueError as error:
            raise ConfigError(f"The activations do not fit the detector: {error}") from None
        order = sorted(found, key=[*stored.layers, *found].index)
        layer = {name: found[name] for name in order}
        fused = fuse(layer, stored.calibration, stored.fusion)
        predicted = None if logits is None else logits.argmax(axis=1)
        constants = stored.constants
        outside = None if constants is None else constants.departed(features)
        return Answers(layer, fused, predicted, outside)

    return score


@dataclass
class AnswerTally:
    """A summary of answers, of a size that does not grow with their number, but for eight bytes each where labels are given.

    Attributes:
        rows: Inputs that were scored.
        flagged: Those that are flagged.
        errors: Rows that could not be scored, the first few with their reasons.
        num_errors: All of them.
        p: Inputs by fused p-value.
        lowest: The inputs that are least like normal ones.
        shown: Scores of some inputs by layer.
        truth: For each labelled input, whether it is odd, whether it is flagged, and its p-value.
        scores: Their scores by layer.
    """

    rows: int = 0
    flagged: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)
    num_errors: int = 0
    p: Counter[float] = field(default_factory=Counter)
    lowest: list[Lowest] = field(default_factory=list)
    shown: dict[str, list[float]] = field(default_factory=dict)
    truth: list[tuple[bool, bool, float]] = field(default_factory=list)
    scores: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _heap: list[tuple[float, float, int, Lowest]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def add(self, found: Answered, layer: str = FUSED) -> None:
        """Count the answers to a part; `layer` is the one whose p-value counts."""
        self.num_errors += len(found.part.errors)
        self.errors += found.part.errors[: max(20 - len(self.errors), 0)]
        answers, judged = found.answers, found.judged
        if answers is None or judged is None:
            return
        self.rows += len(found.part.rows)
        self.flagged += int(judged.flag.sum())
        p = judged.p[layer]
        self.p.update(p.tolist())
        scores = {**answers.layer, FUSED: answers.fused}
        for name, values in scores.items():
            kept = self.shown.setdefault(name, [])
            kept += values[: max(_SHOWN - len(kept), 0)].tolist()
        self._keep_lowest(found, p, scores)
        labelled = np.flatnonzero(np.asarray(found.part.truth) >= 0)
        if len(labelled):
            self.truth += [
                (found.part.truth[i] == 1, bool(judged.flag[i]), float(p[i])) for i in labelled
            ]
            for name, values in scores.items():
                self.scores.setdefault(name, []).append(values[labelled])

    def flag_up_to(self, bound: float) -> None:
        """Flag the inputs with p-values up to a bound that is known only now, in place of those that were flagged."""
        self.flagged = sum(number for p, number in self.p.items() if p <= bound)
        self.truth = [(is_odd, p <= bound, p) for is_odd, _, p in self.truth]
        self.lowest = [replace(item, flag=item.p <= bound) for item in self.lowest]

    def _keep_lowest(
        self, found: Answered, p: np.ndarray, scores: Mapping[str, np.ndarray]
    ) -> None:
        assert found.judged is not None
        # Ties of the least p-value are many: among them the fused score ranks.
        for index in np.lexsort((-scores[FUSED], p))[:DRAWN]:
            key = (-float(p[index]), float(scores[FUSED][index]))
            if len(self._heap) == DRAWN and key <= self._heap[0][:2]:
                break
            entry = Lowest(
                found.part.rows[index],
                found.part.ids[index],
                float(p[index]),
                {name: float(values[index]) for name, values in scores.items()},
                {name: float(values[index]) for name, values in found.judged.p.items()},
                bool(found.judged.flag[index]),
                shown_input(found.part.data, int(index)),
                found.part.truth[index],
            )
            # Of equal ones the earlier row stays.
            item = (*key, -next(self._order), entry)
            if len(self._heap) < DRAWN:
                heapq.heappush(self._heap, item)
            else:
                heapq.heapreplace(self._heap, item)
        self.lowest = [item[3] for item in sorted(self._heap, key=lambda item: item[:3])[::-1]]


@dataclass(frozen=True, eq=False)
class Lowest:
    """One of the inputs that are least like normal ones.

    Attributes:
        row: Its place.
        id: Its name.
        p: The p-value that counts.
        scores: Scores by layer.
        by_layer: p-values by layer.
        flag: Whether it is flagged.
        shown: It: an array, or a text.
        truth: 1 for odd, 0 for normal, -1 where nothing says.
    """

    row: int
    id: str | int
    p: float
    scores: Mapping[str, float]
    by_layer: Mapping[str, float]
    flag: bool
    shown: np.ndarray | str
    truth: int


def shown_input(data: Data, index: int) -> np.ndarray | str:
    """Return an input in the form in which it is looked at."""
    if isinstance(data, list):
        return data[index]
    inputs = data.inputs
    first = inputs.first if isinstance(inputs, NamedArrays) else inputs
    return np.array(first[index])
