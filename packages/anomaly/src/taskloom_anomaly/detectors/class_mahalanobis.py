"""The class-conditional Mahalanobis distance with a tied covariance, and the relative one, as a layer rule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from taskloom_anomaly.detectors import tensors
from taskloom_anomaly.detectors.gaussian import squared_length
from taskloom_anomaly.detectors.protocol import Split, Tensors
from taskloom_anomaly.statistics import class_moments, moments
from taskloom_anomaly.statistics.class_moments import ClassMoments
from taskloom_anomaly.statistics.covariance import shrunk_spectrum
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.whitening import require_samples, whitening

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.mahalanobis import Mahalanobis


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One mean a class, one covariance for all.

    The state is K means and one scatter. Ledoit-Wolf's intensity needs fourth moments about every class's own mean, which
    take K scatters to keep while the means still move; only then is there one `Moments` a class.

    Attributes:
        config: The detector's parameters.
    """

    config: Mahalanobis

    @property
    def _by_class(self) -> bool:
        return self.config.shrinkage == "ledoit_wolf"

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the moments of nothing."""
        del seed
        if self._by_class:
            return stack([moments.empty(width)] * num_classes)
        return tensors.pack(class_moments.empty(num_classes, width))

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the state after further rows."""
        if split != "trusted":
            return state
        num_classes = len(state["mean" if self._by_class else "means"])
        require_classes(classes, num_classes)
        if not self._by_class:
            further = class_moments.of_rows(rows, classes, num_classes)
            return tensors.pack(
                class_moments.merge(
                    ClassMoments(**tensors.pick(state, ClassMoments._fields)), further
                )
            )
        return add_by_class(state, rows, classes)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        if self._by_class:
            return merge_by_class(a, b)
        left, right = (
            ClassMoments(**tensors.pick(a, ClassMoments._fields)),
            ClassMoments(**tensors.pick(b, ClassMoments._fields)),
        )
        return tensors.pack(class_moments.merge(left, right))

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the whitened class means and, for the relative distance, the global factor."""
        fourths = (0.0, 0.0)
        if self._by_class:
            each = unstack(state)
            total = reduce(moments.merge, each)
            known = ClassMoments(
                np.array([float(m.number) for m in each]),
                np.stack([m.mean for m in each]),
                np.sum([m.scatter for m in each], axis=0),
            )
            fourths = (float(sum(m.fourth for m in each)), float(total.fourth))
        else:
            known = ClassMoments(**tensors.pick(state, ClassMoments._fields))
        present = known.counts > 0
        count = float(known.counts.sum())
        if count < 2:
            raise ValueError(
                f"Layer '{layer}' has {int(count)} trusted samples; a covariance needs at least 2."
            )
        tied = self._factor(layer, known.within, count, int(present.sum()), fourths[0])
        centre = known.total_mean
        fitted = {
            "centre": centre,
            "tied": tied,
            "means": (known.means[present] - centre) @ tied,
        }
        if self.config.mode == "relative":
            fitted["factor"] = self._factor(layer, known.total_scatter, count, 1, fourths[1])
        return fitted

    def _factor(
        self, layer: str, scatter: np.ndarray, count: float, means: int, fourth: float
    ) -> Float[np.ndarray, "d r"]:
        config = self.config
        spectrum = shrunk_spectrum(
            scatter, count, count - means, config.shrinkage, amount=config.amount, fourth=fourth
        )
        if config.shrinkage == "none":
            require_samples(layer, spectrum.values, count - means, config.rank)
        return whitening(spectrum, config.rcond, config.rank)

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the distance to the nearest class, less the global one when relative."""
        del classes
        offset = rows.astype(np.float64) - fitted["centre"]
        white, means = offset @ fitted["tied"], fitted["means"]
        # |z - m|^2 = |z|^2 - 2 z.m + |m|^2: one product for all classes; both are centred, so little cancels.
        apart = squared_length(means) - 2.0 * (white @ means.T)
        nearest = np.maximum(squared_length(white) + apart.min(axis=1), 0.0)
        if "factor" in fitted:
            return nearest - squared_length(offset @ fitted["factor"])
        return nearest


def require_classes(classes: np.ndarray, num_classes: int) -> None:
    """Refuse a class that the model does not have.

    Raises:
        ValueError: With the class and the range allowed.
    """
    if classes.max() >= num_classes:
        raise ValueError(
            f"The data has a class {classes.max()} and the model has {num_classes} classes, 0 to {num_classes - 1}."
        )


def add_by_class(state: Tensors, rows: np.ndarray, classes: np.ndarray) -> Tensors:
    """Return the stacked moments after further rows."""
    known = unstack(state)
    for index in np.unique(classes):
        known[index] = moments.merge(known[index], moments.of_rows(rows[classes == index]))
    return stack(known)


def merge_by_class(a: Tensors, b: Tensors) -> Tensors:
    """Return the stacked moments of both shards."""
    pairs = zip(unstack(a), unstack(b), strict=True)
    return stack([moments.merge(left, right) for left, right in pairs])


def stack(each: list[Moments]) -> Tensors:
    """Return the moments of all classes as arrays with a class axis."""
    return {
        name: np.stack([np.asarray(getattr(own, name)) for own in each]) for name in Moments._fields
    }


def unstack(state: Tensors) -> list[Moments]:
    """Return the moments of each class."""
    return [
        Moments(*(state[name][index] for name in Moments._fields))
        for index in range(len(state["mean"]))
    ]
