"""The rule of detectors with one set of moments a class: those moments are the state of a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.gaussian import spacing_of, widened
from taskloom_anomaly.statistics import moments
from taskloom_anomaly.statistics.moments import Moments

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True)
class ByClassRule:
    """A layer rule whose state is the moments of one split, class by class.

    Attributes:
        split: The split that is read.
        fit: Maps the layer's name, the moments of each class and the network's spacing to the tensors that scoring reads.
        rate: Maps those, rows of activations, shape (n, d), and their classes to float64 scores, shape (n,).
        fourth: Whether the fit reads fourth moments.
        double: Whether float32 rows are worked on in float64, as scores want that are a difference of two distances.
        pooled: Whether all rows count to one class.
    """

    split: Split
    fit: Callable[[str, list[Moments], float], Tensors]
    rate: Callable[[Tensors, np.ndarray, np.ndarray], np.ndarray]
    fourth: bool = False
    double: bool = False
    pooled: bool = False

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the moments of nothing."""
        del seed
        # The same record for every class is safe: moments are replaced, never changed in place.
        return _stack(
            [moments.empty(width, fourth=self.fourth)] * (1 if self.pooled else num_classes)
        )

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the state after further rows."""
        if split != self.split:
            return state
        known = _apart(state)
        require_classes(classes, len(known))
        rows = widened(rows)
        # A small batch has few of many classes, and those that do not occur cost nothing.
        for index in np.unique(classes):
            known[index] = moments.add(known[index], rows[classes == index])
        return _stack(known)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        return _stack([moments.merge(*pair) for pair in zip(_apart(a), _apart(b), strict=True)])

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads."""
        return self.fit(layer, _apart(state), spacing_of(state))

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""
        return self.rate(fitted, widened(rows) if self.double else rows, classes)


def require_classes(classes: np.ndarray, num_classes: int) -> None:
    """Refuse a class that the model does not have.

    Raises:
        ValueError: With the class and the range allowed.
    """
    if classes.max() >= num_classes:
        raise ValueError(
            f"The data has a class {classes.max()} and the model has {num_classes} classes, 0 to {num_classes - 1}."
        )


def _stack(each: list[Moments]) -> Tensors:
    """Return the moments of all classes as arrays with a class axis."""
    # A class axis, because a state is a flat dictionary of arrays that one file can hold.
    return {
        name: np.stack([np.asarray(getattr(own, name)) for own in each]) for name in Moments._fields
    }


def _apart(state: Tensors) -> list[Moments]:
    """Return the moments of each class."""
    return [
        Moments(*(state[name][index] for name in Moments._fields))
        for index in range(len(state["mean"]))
    ]
