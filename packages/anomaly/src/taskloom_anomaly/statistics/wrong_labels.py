"""Samples under a wrong label that share a mark: what poison with a changed label is.

A class c is taught by trusted samples alone, the other classes by the rows that have their labels. A row of the label c looks wrong if another class is
likelier: s(x) = max_{k != c} f_k(x) - f_c(x) > 0, with f the kernel ridge regression on class indicators. Rows that look right then teach, too.

Under the label of a poisoned class more rows look wrong than under others. Those rows and the rows of other labels are of the same classes, so that what tells
them apart is the mark that they carry: w = (C + r I)^-1 (mean of the suspects - mean of the others) over what is seen of a sample, inputs and activations
of the network that was trained on the rows. The score is how far a row lies from the others to the suspects along w, plus a share of s; rows that it
finds are the suspects of a second turn, and the rest of the class joins the others. So marked rows of the class itself are found, too.
No sample is scored by what it has taught: rows and trusted samples are cut in three. So every trusted sample both teaches and gives p-values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from taskloom_anomaly.statistics.two_groups import upper_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int

# Nystroem's landmarks: the kernel of all rows would cost their number cubed.
_LANDMARKS = 500
_NEIGHBOUR = 10
_FOLDS = 3
_TEACHINGS = 3
# What a doubt counts beside the mark, turn by turn; chosen on the seeds 100 to 102 of `inside`.
_SHARES_OF_DOUBT = (0.5, 0.1)
_RIDGE_OF_CLASSES, _RIDGE_OF_MARK = 0.1, 0.3
# What the few right rows of a class weigh together, at least.
_WEIGHT = 400.0
# Robust deviations above the shares of the other classes, above which a class is looked into; on the seeds 100 to 102 of the shipped triggers
# poisoned classes reach 3.0 and more, and others 1.8 at most.
_STANDS_OUT, _LEAST_DEVIATION = 1.5, 0.02
# Fewer suspects are no population.
_FEWEST = 10
# One trusted sample cannot both teach and be judged.
_FEWEST_TRUSTED = 2
# Halves of one population are 1.6 to 3.5 of their deviations apart, marked and unmarked rows of those seeds 6.7 and more.
_APART = 4.0
# About one unmarked row in forty lies farther off than this, in deviations.
_BULK = 2.0


class LabelledRows(NamedTuple):
    """Inputs and activations of labelled samples.

    Attributes:
        inputs: One row of numbers a sample.
        traces: Inputs and activations beside one another.
        labels: The labels.
    """

    inputs: Float[np.ndarray, "n d"]
    traces: Float[np.ndarray, "n e"]
    labels: Int[np.ndarray, " n"]


def wrong_labels(
    rows: LabelledRows, trusted: LabelledRows, *, seed: int = 0
) -> list[Float[np.ndarray, " k"]] | None:
    """Return the scores of the rows, and of the trusted samples; None if no class stands out.

    Args:
        rows: The samples that are judged.
        trusted: Samples that are known to be right; one of a label alone is too few for that label.
        seed: Seeds landmarks and folds.

    Returns:
        Deviations from the unmarked samples of the label towards the marked ones; 0 up to two, and under labels without marked ones.
    """
    rng = np.random.default_rng(seed)
    groups = [rows, trusted]
    embed = _embedding(np.asarray(rows.inputs, np.float64), rng)
    taught = [embed(group.inputs) for group in groups]
    classes = np.unique(rows.labels)
    parts = {label: taught[0][rows.labels == label] for label in classes}
    grams = {label: part.T @ part for label, part in parts.items()}
    if len(classes) < 2:
        return None
    sides = {}
    for label in classes:
        if (trusted.labels == label).sum() < _FEWEST_TRUSTED:
            continue
        rest = [k for k in classes if k != label]
        teacher = _Teacher(
            sum((grams[k] for k in rest), np.zeros_like(grams[label])),
            np.stack([parts[k].sum(axis=0) for k in rest], axis=1),
        )
        places = [np.flatnonzero(group.labels == label) for group in groups]
        folds = [rng.permutation(len(place)) % _FOLDS for place in places]
        own = [part[place] for part, place in zip(taught, places, strict=True)]
        sides[label] = _LabelSide(places, folds, teacher.doubts(own, folds))
    found = [np.zeros(len(group.labels)) for group in groups]
    is_marked = False
    chosen = _standing_out({label: side.share for label, side in sides.items()})
    for label in chosen:
        side = sides[label]
        marks = _marks(groups, rows.traces[rows.labels != label], side)
        upper = upper_group(marks[0])
        if min(upper.sum(), (~upper).sum()) < _FEWEST:
            continue
        rest, spread = marks[0][~upper], _within(marks[0], upper)
        if marks[0][upper].mean() - rest.mean() < _APART * spread:
            continue
        is_marked = True
        for scores, place, part in zip(found, side.places, marks, strict=True):
            # Where the bulk of the unmarked rows lies nothing is said: no calibration sample may by chance put a threshold there.
            line = (part - rest.mean()) / spread
            scores[place] = np.where(line > _BULK, line, 0.0)
    return found if is_marked else None


@dataclass(frozen=True)
class _LabelSide:
    """The samples of one label: their places, folds and doubts by group, the judged rows first."""

    places: Sequence[np.ndarray]
    folds: Sequence[np.ndarray]
    doubts: Sequence[np.ndarray]

    @property
    def share(self) -> float:
        """The share of the judged rows that look wrong; none where they are too few."""
        own = self.doubts[0]
        return float((own > 0).mean()) if (own > 0).sum() >= _FEWEST else 0.0


@dataclass(frozen=True)
class _Teacher:
    """Ridge regression on class indicators: what the other classes give to it."""

    gram: np.ndarray
    sums: np.ndarray

    def doubts(self, groups: Sequence[np.ndarray], folds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return s of the rows and of the trusted samples; these, and rows that look right, teach those of other folds."""
        right = np.zeros(len(groups[0]), bool)
        found = [np.zeros(len(group)) for group in groups]
        for _ in range(_TEACHINGS):
            for fold in range(_FOLDS):
                own = np.concatenate([groups[1][folds[1] != fold], groups[0][right & (folds[0] != fold)]])  # fmt: skip
                weight = max(1.0, _WEIGHT / len(own))
                matrix = self.gram + weight * own.T @ own
                matrix.flat[:: len(matrix) + 1] += _RIDGE_OF_CLASSES
                target = np.column_stack([weight * own.sum(axis=0), self.sums])
                coefficients = np.linalg.solve(matrix, target)
                for scores, group, where in zip(found, groups, folds, strict=True):
                    values = group[where == fold] @ coefficients
                    scores[where == fold] = values[:, 1:].max(axis=1) - values[:, 0]
            right = found[0] < 0
        return found


def _standing_out(shares: dict[int, float]) -> list[int]:
    """Return the classes of whose rows far more look wrong than of other classes."""
    chosen = []
    for label, share in shares.items():
        rest = np.asarray([value for other, value in shares.items() if other != label])
        if not len(rest):
            continue
        spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
        if share - np.median(rest) > _STANDS_OUT * max(spread, _LEAST_DEVIATION):
            chosen.append(label)
    return chosen


def _marks(
    groups: Sequence[LabelledRows], others: np.ndarray, side: _LabelSide
) -> list[np.ndarray]:
    """Return how far samples of one label carry the mark: 0 where rows without it lie, and 1 where the suspects lie."""
    traces = [np.asarray(g.traces[place], np.float64) for g, place in zip(groups, side.places, strict=True)]  # fmt: skip
    others = np.asarray(others, np.float64)
    suspects: Bool[np.ndarray, " n"] = side.doubts[0] > 0
    found = [np.zeros(len(part)) for part in traces]
    for turn, share in enumerate(_SHARES_OF_DOUBT):
        for fold in range(_FOLDS):
            taught = side.folds[0] != fold
            own, plain = traces[0][suspects & taught], others
            if not len(own):
                continue
            if turn:
                # Rows of the class itself that carry no mark are known by now, and are what marked rows of it are to be told from.
                plain = np.concatenate([others, traces[0][~suspects & taught]])
            direction = _discriminant(own, plain)
            begin = float(plain.mean(axis=0) @ direction)
            length = float(own.mean(axis=0) @ direction) - begin
            for scores, part, where, doubt in zip(found, traces, side.folds, side.doubts, strict=True):  # fmt: skip
                here = where == fold
                line = (part[here] @ direction - begin) / (length or 1.0)
                scores[here] = line + share * np.clip(doubt[here], -1, 1)
        suspects = upper_group(found[0])
    return found


def _discriminant(own: np.ndarray, others: np.ndarray) -> Float[np.ndarray, " e"]:
    """Return (C + r I)^-1 times the difference of the means, for C the covariance within both groups of features of deviation one."""
    step = own.mean(axis=0) - others.mean(axis=0)
    inside = np.concatenate([own - own.mean(axis=0), others - others.mean(axis=0)])
    scale = inside.std(axis=0)
    # A feature that never varies within either group tells them apart by itself; its unit is a hundredth.
    scale = np.where(scale > 1e-6, scale, 1e-2)
    unit, step = inside / scale, step / scale
    n, width = unit.shape
    if width <= n:
        matrix = unit.T @ unit / n
        matrix.flat[:: width + 1] += _RIDGE_OF_MARK
        return np.asarray(np.linalg.solve(matrix, step) / scale)
    # The same by Woodbury's identity, where features are more than samples.
    matrix = unit @ unit.T
    matrix.flat[:: n + 1] += n * _RIDGE_OF_MARK
    return np.asarray((step - unit.T @ np.linalg.solve(matrix, unit @ step)) / _RIDGE_OF_MARK / scale)  # fmt: skip


def _within(line: np.ndarray, upper: np.ndarray) -> float:
    """Return the deviation within two groups of numbers."""
    inside = np.where(upper, line - line[upper].mean(), line - line[~upper].mean())
    return float(inside.std()) or 1.0


class _KernelFeatures(NamedTuple):
    """Nystroem's features of a Gaussian kernel: their products are its values, up to the rank of the landmarks."""

    landmarks: np.ndarray
    rate: float
    weights: np.ndarray

    def __call__(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n m"]:
        apart = _squares(np.asarray(rows, np.float64), self.landmarks)
        return np.asarray(np.exp(-self.rate * apart) @ self.weights)


def _embedding(rows: np.ndarray, rng: np.random.Generator) -> _KernelFeatures:
    """Return the embedding whose kernel falls off over the distance of about the tenth neighbour."""
    landmarks = rows[rng.permutation(len(rows))[:_LANDMARKS]]
    apart = _squares(landmarks, landmarks)
    place = min(max(1, _NEIGHBOUR * len(landmarks) // len(rows)), len(landmarks) - 1)
    near = np.sort(apart, axis=1)[:, place]
    middle = float(np.median(near[near > 0])) if (near > 0).any() else 1.0
    values, vectors = np.linalg.eigh(np.exp(-apart / (2 * middle)))
    kept = values > 1e-6 * values[-1]
    return _KernelFeatures(landmarks, 1 / (2 * middle), vectors[:, kept] / np.sqrt(values[kept]))


def _squares(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, "n m"]:
    """Return the squared distances of all pairs."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0)
