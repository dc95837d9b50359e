"""Detectors that treat every layer alike and by itself: one streaming rule, run layer by layer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    Features,
    FeatureSpec,
    Scores,
    Split,
    StreamingDetector,
    Tensors,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.statistics.standard import SPACING

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

ClassSource: TypeAlias = Literal["none", "predicted", "label"]
"""The source of a sample's class; `none` counts all samples to class 0."""


class LayerRule(Protocol):
    """The arithmetic of one layer; `classes` is all zero for rules without classes."""

    def init(self, width: int, num_classes: int, seed: int) -> Tensors:
        """Return the state before the first batch."""
        ...

    def update(
        self,
        state: Tensors,
        rows: Float[np.ndarray, "n d"],
        classes: Int[np.ndarray, " n"],
        split: Split,
    ) -> Tensors:
        """Return the state after further rows."""
        ...

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state after the rows of both."""
        ...

    def finalize(self, layer: str, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads; the layer's name is for messages."""
        ...

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""
        ...


class LayerReading(NamedTuple):
    """The form in which a rule gets the activations of a layer.

    Attributes:
        fit_classes: Source of the classes of the samples that are fitted.
        score_classes: Source of the classes of the samples that are scored.
        unit_length: Whether every activation is divided by its length first.
        fold: Whether positions become rows, scored one by one and averaged; otherwise the rule sees rows of shape (n, p, d).
        skip_first: Real positions at the beginning of a sample that are left out where positions are rows.
    """

    fit_classes: ClassSource = "none"
    score_classes: ClassSource = "none"
    unit_length: bool = False
    fold: bool = True
    skip_first: int = 0

    def rows(self, features: Features, layer: str, width: int) -> tuple[np.ndarray, int]:
        """Return the rows that the rule sees, and how many of them make one sample."""
        rows, positions = checks.layer_rows(features, layer, width, tells_padding=True)
        if self.fold:
            return rows, positions
        whole = rows.reshape(-1, positions, width)
        if features.mask is not None and positions == features.mask.shape[1]:
            # What sums over positions gets nothing from padding.
            whole = whole * features.mask[:, :, None].astype(whole.dtype)
        return whole, 1

    def real(self, features: Features, layer: str, positions: int) -> np.ndarray | None:
        """Return which of the rows are no padding and not left out; None where all are read."""
        if not self.fold or features.activations[layer].ndim < 3:
            return None
        mask = read_positions(features, layer, positions, self.skip_first)
        return None if mask is None else mask.reshape(-1)

    def prepared(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows, of unit length where that is asked for."""
        return unit_rows(rows) if self.unit_length else rows


def read_positions(
    features: Features, layer: str, positions: int, skip_first: int
) -> Bool[np.ndarray, "n t"] | None:
    """Return which positions of a layer are read: real ones after the first few; None where all are.

    Args:
        features: A batch.
        layer: The layer's name, for messages.
        positions: Positions of the layer.
        skip_first: Real positions at the beginning of each sample that are left out; its last one never is.

    Raises:
        ValueError: There is padding, and the layer's positions are not those of the mask.
    """
    mask = features.mask
    if mask is None or mask.all():
        if not skip_first:
            return None
        mask = np.ones((len(features), positions), bool)
    if mask.shape[1] != positions:
        raise ValueError(
            f"Layer '{layer}' has {positions} positions and the mask {mask.shape[1]}; choose another reduction than none."
        )
    # Padding is on the right, so that a text begins in the first column, whichever of its tokens are read.
    last = positions - 1 - mask[:, ::-1].argmax(axis=1)
    # A sample of no more positions than are skipped keeps its last one: a score needs something to be of.
    return np.asarray(mask & (np.arange(positions) >= np.minimum(skip_first, last)[:, None]))


class LayerwiseDetector(StreamingDetector):
    """A streaming detector made of one rule for every layer."""

    @abstractmethod
    def rule(self) -> LayerRule:
        """Return the arithmetic of one layer."""

    @property
    def scales_first(self) -> bool:
        """True if a first pass takes the deviations of the features and a second one fits."""
        return False

    @property
    def reading(self) -> LayerReading:
        """The form in which the rule gets a layer's activations."""
        return LayerReading()

    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the state before the first batch."""
        checks.require_layers(spec.widths)
        if self.reading.fit_classes != "none" and spec.num_classes < 1:
            raise ValueError("This detector tells classes apart and the model does not classify.")
        rule = self.rule()
        # The width goes with the state and the fitted tensors, so that another network's activations are refused.
        return tensors.join(
            {
                layer: {
                    "width": np.asarray(width),
                    "spacing": np.asarray(SPACING.get(spec.precisions.get(layer, ""), 0.0)),
                    **rule.init(width, spec.num_classes, seed),
                }
                for layer, width in spec.widths.items()
            }
        )

    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        """Return the state after a further batch."""
        # A batch of nothing has no logits to take classes from.
        if len(features) == 0:
            return state
        rule, reading = self.rule(), self.reading
        classes = _classes(features, reading.fit_classes)
        after = {}
        for layer, before in tensors.apart(state).items():
            rows, positions = reading.rows(features, layer, int(before["width"]))
            # A position has the class of its sample; padding is no position.
            own, real = np.repeat(classes, positions), reading.real(features, layer, positions)
            if real is not None:
                rows, own = rows[real], own[real]
            # What arrives in float32 may have been computed in less; what arrives in float64 has the digits of it.
            spacing = np.asarray(float(before["spacing"]) or SPACING[rows.dtype.name])
            after[layer] = {
                "width": before["width"],
                **rule.update(before, reading.prepared(rows), own, split),
                "spacing": spacing,
            }
        return tensors.join(after)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state that one pass over both shards would have reached."""
        rule, left, right = self.rule(), tensors.apart(a), tensors.apart(b)
        if {n: int(t["width"]) for n, t in left.items()} != {
            n: int(t["width"]) for n, t in right.items()
        }:
            raise ValueError(
                f"States of different layers cannot be merged: {sorted(left)} and {sorted(right)}."
            )
        return tensors.join(
            {
                layer: {
                    "width": left[layer]["width"],
                    **rule.merge(left[layer], right[layer]),
                    "spacing": np.maximum(left[layer]["spacing"], right[layer]["spacing"]),
                }
                for layer in left
            }
        )

    def finalize(self, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads."""
        rule = self.rule()
        return tensors.join(
            {
                layer: {"width": own["width"], **rule.finalize(layer, own)}
                for layer, own in tensors.apart(state).items()
            }
        )

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of a batch by layer; where positions are scored one by one, a sample has their mean."""
        found = self.score_positions(fitted, features)
        # Positions are exchangeable to these rules; one column needs no mean, whose check for NaN copies it.
        return {
            layer: values[:, 0] if values.shape[1] == 1 else np.nanmean(values, axis=1)
            for layer, values in found.items()
        }

    def score_positions(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of every position by layer, shape (n, positions); NaN for padding, one column without positions."""
        rule, reading = self.rule(), self.reading
        classes = _classes(features, reading.score_classes)
        scores = {}
        for layer, own in tensors.apart(fitted).items():
            rows, positions = reading.rows(features, layer, int(own["width"]))
            if "feature_scale" in own:
                rows = rows * own["feature_scale"]
            # Rows are prepared inside a block, so that one block of prepared rows is alive at a time.
            each, real = np.repeat(classes, positions), reading.real(features, layer, positions)
            values = by_blocks(
                lambda r, c, own=own: rule.score(own, reading.prepared(r), c),
                rows if real is None else rows[real],
                each if real is None else each[real],
            )
            if real is not None:
                whole = np.full(len(each), np.nan)
                whole[real] = values
                values = whole
            scores[layer] = values.reshape(-1, positions)
        return scores


def score_layers(
    rate: Callable[[Tensors, np.ndarray], np.ndarray],
    fitted: Tensors,
    features: Features,
    centre: str,
) -> Scores:
    """Return scores by layer of a detector that has fitted each layer by itself.

    Args:
        rate: Maps a layer's tensors and rows of activations, shape (n, d), to scores, shape (n,).
        fitted: The tensors of all layers.
        features: A batch.
        centre: Name of a tensor of shape (d,), from which the width of the layer is known.
    """
    scores = {}
    for layer, own in tensors.apart(fitted).items():
        rows, positions = checks.layer_rows(features, layer, len(own[centre]))
        values = by_blocks(lambda block, own=own: rate(own, block), rows)
        scores[layer] = values.reshape(-1, positions).mean(axis=1)
    return scores


def unit_rows(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Return every row divided by its length; a zero row stays zero."""
    # The squares are added in float64: in float32 they overflow from 1e19 on.
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    return (rows / np.maximum(lengths, 1e-30)[:, None]).astype(rows.dtype)


def _classes(features: Features, source: ClassSource) -> Int[np.ndarray, " n"]:
    if source == "predicted":
        return checks.predicted(features)
    if source == "label":
        if features.labels is None:
            raise ValueError(
                "This detector counts samples by their labels and the data has none; use classes=predicted."
            )
        labels = np.asarray(features.labels)
        if labels.size and labels.min() < 0:
            raise ValueError(f"A class label must be at least 0; the data has {labels.min()}.")
        return labels
    # Rules without classes still get one for each row, so that all rules have one form.
    return np.zeros(len(features), dtype=np.int64)
