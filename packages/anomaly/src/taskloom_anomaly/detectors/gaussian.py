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
        thin: Maps the layer's name, no more rows than features, and the network's spacing to the tensors; None always takes moments.
    """

    splits: tuple[Split, ...]
    fit: Callable[[str, KnownMoments], Tensors]
    rate: Callable[[Tensors, np.ndarray], np.ndarray]
    fourth: bool = False
    double: bool = False
    standardise: bool = True
    thin: Callable[[str, np.ndarray, float], Tensors] | None = None

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the moments of nothing."""
        del num_classes, seed
        if self.thin is not None:
            return {f"{split}.rows": np.zeros((0, width)) for split in self.splits}
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
        kept = state.get(f"{split}.rows")
        if kept is not None and len(kept) + len(rows) <= rows.shape[1]:
            # Fewer samples than features: the rows are smaller than their products.
            return {**state, f"{split}.rows": np.concatenate([kept, widened(rows)])}
        own = self._unpacked(state)
        # In float64: the last digits of float32 products would hide which directions are more than rounding.
        own[split] = moments.add(own[split], widened(rows))
        return self._packed(own)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        names = [f"{split}.rows" for split in self.splits]
        both = [np.concatenate([a[n], b[n]]) for n in names if n in a and n in b]
        if len(both) == len(names) and all(len(rows) <= rows.shape[1] for rows in both):
            return dict(zip(names, both, strict=True))
        left, right = self._unpacked(a), self._unpacked(b)
        return self._packed({s: moments.merge(left[s], right[s]) for s in self.splits})

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads."""
        rows = state.get(f"{self.splits[0]}.rows")
        if self.thin is not None and rows is not None and len(rows) > 1:
            return self.thin(layer, rows, spacing_of(state))
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
        return {split: self._moments(state, split) for split in self.splits}

    def _moments(self, state: Tensors, split: Split) -> Moments:
        rows = state.get(f"{split}.rows")
        if rows is None:
            return Moments(**tensors.pick(state, Moments._fields, f"{split}."))
        return moments.of_rows(rows) if len(rows) else moments.empty(rows.shape[1])


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
