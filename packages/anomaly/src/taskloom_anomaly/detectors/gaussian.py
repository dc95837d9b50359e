"""Gaussian detectors: the state of a layer is the moments of each split, and its score a squared distance or two."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from taskloom_anomaly.detectors import tensors
from taskloom_anomaly.detectors.base import Split, Tensors
from taskloom_anomaly.detectors.layerwise import LayerwiseDetector
from taskloom_anomaly.statistics import moments
from taskloom_anomaly.statistics.moments import Moments
from taskloom_anomaly.statistics.standard import SPACING, Units, units_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class KnownMoments(dict[Split, Moments]):
    """The moments of each split in the network's units, and the units in which they are fitted.

    Args:
        known: The moments.
        units: The units, from the first split.
        spacing: eps of the precision in which the network computed the layer.
    """

    def __init__(self, known: Mapping[Split, Moments], units: Units, spacing: float) -> None:
        super().__init__(known)
        self.units, self.spacing = units, spacing

    def covariance(self, split: Split) -> Float[np.ndarray, "d d"]:
        """Return the covariance of a split in the units of the fit."""
        return self.units.scatter(self[split].covariance)


def spacing_of(state: Tensors) -> float:
    """Return eps of the precision in which the network computed a layer; that of float32 where the state does not say."""
    return float(state.get("spacing", SPACING["float32"])) or SPACING["float32"]


@dataclass(frozen=True, slots=True)
class MomentsRule:
    """A layer rule whose state is the moments of one or both splits.

    Attributes:
        splits: The splits that are read.
        fit: Maps the layer's name and the moments of each split to the tensors that scoring reads.
        rate: Maps those and rows of activations, shape (n, d), to float64 scores, shape (n,).
        fourth: Whether the fit reads fourth moments.
        double: Whether float32 rows are worked on in float64, as scores want that are a difference of two distances.
        standardise: Whether features are fitted with a deviation of one.
    """

    splits: tuple[Split, ...]
    fit: Callable[[str, KnownMoments], Tensors]
    rate: Callable[[Tensors, np.ndarray], np.ndarray]
    fourth: bool = False
    double: bool = False
    standardise: bool = True

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the moments of nothing."""
        del num_classes, seed
        return self._packed(
            {split: moments.empty(width, fourth=self.fourth) for split in self.splits}
        )

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the state after further rows."""
        del classes
        if split not in self.splits:
            return state
        own = self._unpacked(state)
        # In float64: the last digits of float32 products would hide which directions are more than rounding.
        own[split] = moments.add(own[split], widened(rows))
        return self._packed(own)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        left, right = self._unpacked(a), self._unpacked(b)
        return self._packed({s: moments.merge(left[s], right[s]) for s in self.splits})

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads."""
        own = self._unpacked(state)
        for split, known in own.items():
            # One sample has a scatter of zero, which would pass for a layer that does not vary.
            if known.number < 2:
                raise ValueError(
                    f"Layer '{layer}' has {int(known.number)} {split} samples; a covariance needs at least 2."
                )
        units = units_of(
            own[self.splits[0]].mean,
            own[self.splits[0]].covariance.diagonal(),
            spacing_of(state),
            standardise=self.standardise,
            layer=layer,
            count=float(own[self.splits[0]].number),
        )
        return self.fit(layer, KnownMoments(own, units, spacing_of(state)))

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""
        del classes
        return self.rate(fitted, widened(rows) if self.double else rows)

    def _packed(self, own: dict[Split, Moments]) -> Tensors:
        return {
            name: array
            for split, known in own.items()
            for name, array in tensors.pack(known, f"{split}.").items()
        }

    def _unpacked(self, state: Tensors) -> dict[Split, Moments]:
        return {
            split: Moments(**tensors.pick(state, Moments._fields, f"{split}."))
            for split in self.splits
        }


class GaussianDetector(LayerwiseDetector):
    """A detector that reads nothing but the mean and the covariance of each split that it needs."""

    double: ClassVar[bool] = False
    """True where float32 rows are worked on in float64."""
    standardise: bool = True
    """Give every feature a deviation of one first, so that units do not matter; off for parity with papers."""

    @abstractmethod
    def fit_layer(self, layer: str, known: KnownMoments) -> Tensors:
        """Return the tensors that scoring reads, from the moments of each split."""

    @abstractmethod
    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""

    def rule(self) -> MomentsRule:
        """Return the rule whose state is the moments of the splits."""
        # Trusted first: the order of the splits is the order in which a fit reads them.
        splits: tuple[Split, ...] = ("trusted", "untrusted")
        own: tuple[Split, ...] = tuple(split for split in splits if split in self.needs)
        return MomentsRule(
            own, self.fit_layer, self.score_layer, double=self.double, standardise=self.standardise
        )


def widened(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Return the rows in float64."""
    return rows.astype(np.float64, copy=False)


def project(
    rows: Float[np.ndarray, "n d"],
    centre: Float[np.ndarray, " d"],
    factor: Float[np.ndarray, "d r"],
) -> Float[np.ndarray, "n r"]:
    """Return (rows - centre) factor in the rows' precision.

    Float32 rows are not worth a float64 product: the network that made them rounded as much. They are moved by the centre
    rounded to float32, in which they lose nothing however far from zero they lie; what that rounding moved is added in the end.
    """
    # A centre in float64 would widen the whole product to float64.
    near = centre.astype(rows.dtype)
    moved = ((near - centre) @ factor).astype(rows.dtype)
    found = (rows - near) @ factor.astype(rows.dtype)
    # In place: the product is the largest array of a score.
    found += moved
    return found


def squared_length(rows: Float[np.ndarray, "n r"]) -> Float[np.ndarray, " n"]:
    """Return |row|^2 in float64."""
    # Without an array of squares between; only the sum is widened.
    return np.einsum("nr,nr->n", rows, rows).astype(np.float64, copy=False)
