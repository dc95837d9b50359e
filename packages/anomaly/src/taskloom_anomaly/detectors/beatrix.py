"""Beatrix: Ma et al., NDSS 2023 (arXiv 2209.11715), with the statistics of each predicted class as in the paper.

For every power p = 1 .. P and every entry g of its Gram features (see `statistics.gram`), trusted samples of the class give the
median and the median absolute deviation and with them the range [lo, hi] = median -/+ k MAD. A sample's score is the mean over
entries and powers of relu(lo - g) / |lo| + relu(g - hi) / |hi|.

Medians are of the data, not of batches. No denominator is smaller than what lives in the entry: a tenth of the largest bound that any
class has there, the mean modulus M_j of the entry over all trusted samples, and 1% of the largest M_j. With bounds of the class alone,
a unit that is silent in it would make scores infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors import tensors
from taskloom_anomaly.detectors.base import Need, Split, Tensors
from taskloom_anomaly.detectors.gaussian import spacing_of
from taskloom_anomaly.detectors.layerwise import ClassSource, LayerReading, LayerwiseDetector
from taskloom_anomaly.detectors.sampled import unpacked
from taskloom_anomaly.statistics import reservoir
from taskloom_anomaly.statistics.gram import distinct_powers, gram_columns, gram_features
from taskloom_anomaly.statistics.standard import Scaling

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# A class with fewer trusted samples than this is judged by the range of all samples.
_LEAST = 8
# Shares of the largest bound of an entry, and of the largest mean modulus, below which nothing divides.
_OF_CLASSES, _OF_ENTRIES = 0.1, 0.01
# Samples whose Gram features are alive at once while a batch is scored.
_CHUNK = 32
# Features whose medians are taken at once: few enough to stay in the cache.
_FEATURES = 512


class Beatrix(LayerwiseDetector):
    """Gram features outside the range they have in the predicted class."""

    reads_positions: ClassVar[bool] = True
    kind: Literal["beatrix"] = "beatrix"
    powers: Annotated[int, Field(ge=1, le=16)] = 4
    """Gram matrices of the powers 1 to this."""
    mad_scale: Annotated[float, Field(gt=0)] = 10.0
    """Half-width of the range in median absolute deviations."""
    by_class: bool = True
    """A range for each predicted class; otherwise one for all."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept for the medians; a uniform sample of the stream when there are more."""
    standardise: bool = True
    """Give every feature a deviation of one first, so that units do not matter; off for parity with the paper."""

    @property
    def needs(self) -> frozenset[Need]:
        """Activations, and logits where each class has a range of its own."""
        return frozenset({"activations", "trusted", *(("logits",) if self.by_class else ())})

    @property
    def reading(self) -> LayerReading:
        """Whole samples with their positions, over which a Gram matrix sums, and the predicted classes."""
        source: ClassSource = "predicted" if self.by_class else "none"
        return LayerReading(source, source, fold=False)

    def rule(self) -> GramRule:
        """Return the rule whose state is a sample of the trusted activations."""
        return GramRule(
            self.powers, self.mad_scale, self.by_class, self.max_samples, self.standardise
        )


@dataclass(frozen=True, slots=True)
class GramRule:
    """Ranges of Gram features by class, from a reservoir of trusted activations.

    Attributes:
        powers: Gram matrices of the powers 1 to this.
        mad_scale: Half-width of a range in median absolute deviations.
        by_class: Whether each class has a range of its own.
        max_samples: Most activations kept.
        standardise: Whether features get a deviation of one first.
    """

    powers: int
    mad_scale: float
    by_class: bool
    max_samples: int
    standardise: bool = True

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return an empty reservoir."""
        empty = tensors.pack(reservoir.empty(self.max_samples, width, seed))
        classes = num_classes if self.by_class else 1
        return {"num_classes": np.asarray(classes), "positions": np.asarray(0), **empty}

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n p d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the reservoir after further samples."""
        if split != "trusted":
            return state
        positions = rows.shape[1]
        # A Gram matrix sums over positions; with another number of them its entries have another scale.
        if state["positions"] not in (0, positions):
            raise ValueError(
                f"Samples of {positions} positions follow samples of {state['positions']}; Gram features need equal numbers."
            )
        kept = reservoir.add(unpacked(state), rows.reshape(len(rows), -1), classes)
        return {**state, "positions": np.asarray(positions), **tensors.pack(kept)}

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the reservoir of both shards."""
        kept = tensors.pack(reservoir.merge(unpacked(a), unpacked(b)))
        positions = np.maximum(a["positions"], b["positions"])
        return {"num_classes": a["num_classes"], "positions": positions, **kept}

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the ranges, shape (classes, features), of each distinct power."""
        kept = unpacked(state)
        if len(kept.rows) < _LEAST:
            raise ValueError(
                f"Layer '{layer}' has {len(kept.rows)} trusted samples; medians need at least {_LEAST}."
            )
        positions = int(state["positions"])
        samples = kept.rows.reshape(len(kept.rows), positions, -1)
        width = samples.shape[2]
        scaling = Scaling.of(
            samples.reshape(-1, width), layer, spacing_of(state), standardise=self.standardise
        )
        # Divided and not centred: a unit that is silent at zero stays silent. One that never varies has the unit of the others,
        # so that it is told when it wakes.
        inverse = np.where(scaling.inverse > 0, scaling.inverse, _typical(scaling.inverse))
        samples = samples * inverse.astype(samples.dtype)
        groups = [np.flatnonzero(kept.classes == c) for c in range(int(state["num_classes"]))]
        groups = [g if len(g) >= _LEAST else np.arange(len(samples)) for g in groups]
        fitted = {"positions": state["positions"], "unit_inverse": inverse}
        for power, _ in distinct_powers(self.powers, positions):
            # Vectors that are never negative have the same features, so the same ranges, at every power.
            if power == 1 or positions > 1 or samples.min() < 0:
                low, high = self._bounds(samples, groups, power)
                fitted[f"low{power}"], fitted[f"high{power}"] = low, high
                fitted[f"mean{power}"] = mean_modulus(samples, power)
        return fitted

    def _bounds(
        self, samples: np.ndarray, groups: list[np.ndarray], power: int
    ) -> tuple[np.ndarray, np.ndarray]:
        lows, highs = [], []
        pooled: tuple[np.ndarray, np.ndarray] | None = None
        for group in groups:
            # All small classes fall back on all samples, whose medians are then taken once.
            everything = len(group) == len(samples)
            centre, spread = (
                pooled if everything and pooled is not None else _medians(samples[group], power)
            )
            if everything:
                pooled = centre, spread
            lows.append(centre - self.mad_scale * spread)
            highs.append(centre + self.mad_scale * spread)
        return np.stack(lows), np.stack(highs)

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n p d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the mean deviation of each sample."""
        positions = int(fitted["positions"])
        if rows.shape[1] != positions:
            raise ValueError(
                f"The samples have {rows.shape[1]} positions and the detector was fitted to {positions}."
            )
        if "unit_inverse" in fitted:
            rows = rows * fitted["unit_inverse"].astype(rows.dtype)
        total = np.zeros(len(rows))
        first = np.zeros(0)
        for power, times in distinct_powers(self.powers, positions):
            if f"low{power}" in fitted:
                found = _deviation(fitted, power, power, rows, classes)
            else:
                # A vector without a negative entry has the same features at every power, so its deviation is known already.
                found, signed = first.copy(), (rows < 0).any(axis=(1, 2))
                found[signed] = _deviation(fitted, 1, power, rows[signed], classes[signed])
            first = found if power == 1 else first
            total += times * found
        return total / self.powers


def _deviation(
    fitted: Tensors, known: int, power: int, rows: np.ndarray, classes: np.ndarray
) -> Float[np.ndarray, " n"]:
    """Return the mean deviation of one power's features from the ranges of the power `known`."""
    low, high = fitted[f"low{known}"], fitted[f"high{known}"]
    floor = _floor(fitted, known)
    below = 1.0 / np.maximum(np.maximum(np.abs(low), floor), 1e-30)
    above = 1.0 / np.maximum(np.maximum(np.abs(high), floor), 1e-30)
    found = np.zeros(len(rows))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        own, features = classes[part], gram_features(rows[part], power)
        deviation = np.maximum(low[own] - features, 0.0) * below[own]
        deviation += np.maximum(features - high[own], 0.0) * above[own]
        found[part] = deviation.mean(axis=1, dtype=np.float64)
    return found


def _typical(inverse: Float[np.ndarray, " d"]) -> float:
    known = inverse[inverse > 0]
    return float(np.median(known)) if len(known) else 1.0


def _floor(fitted: Tensors, power: int) -> Float[np.ndarray, " features"]:
    """Return the least denominator of each entry."""
    low, high = fitted[f"low{power}"], fitted[f"high{power}"]
    bounds = np.maximum(np.abs(low), np.abs(high))
    if f"mean{power}" not in fitted:
        # Detectors of version 0.2 keep bounds only.
        return np.asarray(_OF_ENTRIES * bounds.max(axis=1, keepdims=True))
    mean = fitted[f"mean{power}"]
    return np.maximum(_OF_CLASSES * bounds.max(axis=0), np.maximum(mean, _OF_ENTRIES * mean.max()))


def mean_modulus(samples: np.ndarray, power: int) -> Float[np.ndarray, " features"]:
    """Return the mean over samples of the modulus of each Gram feature."""
    parts = [np.abs(part).mean(axis=1) for part in gram_columns(samples, power, _FEATURES)]
    return np.concatenate(parts)


def _medians(samples: np.ndarray, power: int) -> tuple[np.ndarray, np.ndarray]:
    found = [median_and_deviation(part) for part in gram_columns(samples, power, _FEATURES)]
    centres, spreads = zip(*found, strict=True)
    return np.concatenate(centres), np.concatenate(spreads)


def median_and_deviation(
    columns: Float[np.ndarray, "features n"],
) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, " features"]]:
    """Return the median over samples and the median absolute deviation from it, by feature; the columns are overwritten."""
    centre = _median(columns)
    columns -= centre[:, None]
    return centre, _median(np.abs(columns, out=columns))


def _median(columns: Float[np.ndarray, "features n"]) -> Float[np.ndarray, " features"]:
    # numpy sorts floats with vector instructions; selecting two middle elements takes seven times as long.
    columns.sort(axis=1)
    count = columns.shape[1]
    return (columns[:, (count - 1) // 2] + columns[:, count // 2]) / 2
