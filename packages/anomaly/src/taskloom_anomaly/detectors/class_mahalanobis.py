"""The class-conditional Mahalanobis distance with a tied covariance, and the relative one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.detectors import tensors
from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.by_class import ByClassRule, require_classes
from taskloom_anomaly.detectors.gaussian import project, spacing_of, squared_length, widened
from taskloom_anomaly.statistics import class_moments, moments
from taskloom_anomaly.statistics.class_moments import ClassMoments
from taskloom_anomaly.statistics.covariance import CovarianceEstimator
from taskloom_anomaly.statistics.moments import Moments

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def class_rule(estimator: CovarianceEstimator, *, relative: bool) -> TiedRule | ByClassRule:
    """Return the rule of one mean a class; `relative` subtracts the distance under one Gaussian.

    Ledoit-Wolf's intensity needs fourth moments about every class's own mean, which take K scatters to keep while the means
    still move; only then is there one `Moments` a class.
    """
    tied = TiedRule(estimator, relative)
    if estimator.shrinkage != "ledoit_wolf":
        return tied
    return ByClassRule(
        "trusted",
        tied.fit_each,
        lambda fitted, rows, _: _rate(fitted, rows),
        fourth=True,
        double=relative,
    )


@dataclass(frozen=True, slots=True)
class TiedRule:
    """One mean a class, one covariance for all: the state is K means and one scatter.

    Attributes:
        estimator: The estimate of both covariances.
        relative: Whether the distance under one Gaussian is subtracted.
    """

    estimator: CovarianceEstimator
    relative: bool

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the moments of nothing."""
        del seed
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
        known, rows = _unpacked(state), widened(rows)
        require_classes(classes, len(known.counts))
        further = class_moments.of_rows(rows, classes, len(known.counts))
        return tensors.pack(class_moments.merge(known, further))

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        return tensors.pack(class_moments.merge(_unpacked(a), _unpacked(b)))

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads."""
        return self._fit(layer, _unpacked(state), spacing_of(state))

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the distance of each row."""
        del classes
        return _rate(fitted, self._prepared(rows))

    def _prepared(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        # A difference of two distances wants the digits that float32 does not have.
        return widened(rows) if self.relative else rows

    def fit_each(self, layer: str, each: list[Moments], spacing: float) -> Tensors:
        """Return the tensors that scoring reads, from the moments of each class with their fourth powers."""
        known = ClassMoments(
            np.array([float(own.number) for own in each]),
            np.stack([own.mean for own in each]),
            np.sum([own.scatter for own in each], axis=0),
        )
        # Fourth powers about the class means add up; those about the common mean need the moments merged.
        fourth = float(sum(own.fourth for own in each))
        return self._fit(layer, known, spacing, fourth, float(reduce(moments.merge, each).fourth))

    def _fit(
        self,
        layer: str,
        known: ClassMoments,
        spacing: float,
        fourth: float = 0.0,
        total_fourth: float = 0.0,
    ) -> Tensors:
        """Return the whitened class means and, for the relative distance, the global factor.

        Args:
            layer: The layer's name, for messages.
            known: The moments.
            spacing: eps of the precision in which the network computed the layer.
            fourth: Sum of |x - class mean|^4; read under `ledoit_wolf` only.
            total_fourth: Sum of |x - mean|^4; likewise.
        """
        present, count = known.counts > 0, float(known.counts.sum())
        if count < 2:
            raise ValueError(
                f"Layer '{layer}' has {int(count)} trusted samples; a covariance needs at least 2."
            )
        centre = known.total_mean
        factor = partial(self.estimator.factor, mean=centre, spacing=spacing)
        tied = factor(layer, known.within, count, int(present.sum()), fourth=fourth)
        # The means are whitened about the common one, so that no digits go into how far all of them lie from zero.
        fitted = {"centre": centre, "tied": tied, "means": (known.means[present] - centre) @ tied}
        if self.relative:
            fitted["factor"] = factor(layer, known.total_scatter, count, 1, fourth=total_fourth)
        return fitted


def _unpacked(state: Tensors) -> ClassMoments:
    return ClassMoments(**tensors.pick(state, ClassMoments._fields))


def _rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the distance to the nearest class, less the global one when relative."""
    means = fitted["means"]
    # In float64 from here on: where classes lie far apart, the nearest distance is a small difference.
    white = widened(project(rows, fitted["centre"], fitted["tied"]))
    # |z - m|^2 = |z|^2 - 2 z.m + |m|^2: one product for all classes.
    apart = squared_length(means) - 2.0 * (white @ means.T)
    nearest = np.maximum(squared_length(white) + apart.min(axis=1), 0.0)
    if "factor" in fitted:
        return nearest - squared_length(project(rows, fitted["centre"], fitted["factor"]))
    return nearest
