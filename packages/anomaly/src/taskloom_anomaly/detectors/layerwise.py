"""A detector that treats every layer alike and by itself: one streaming rule, run layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    Features,
    FeatureSpec,
    Need,
    Scores,
    Split,
    Tensors,
)
from taskloom_anomaly.detectors.blocks import by_blocks

ClassSource = Literal["none", "predicted", "label"]


@runtime_checkable
class LayerRule(Protocol):
    """What one layer of a streaming detector does; `classes` is all zero for rules that do not tell classes apart."""

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
        """Return what scoring needs; the layer's name is for messages."""
        ...

    def score(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"], classes: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Return the score of each row."""
        ...


@dataclass(frozen=True, slots=True)
class Layerwise:
    """A streaming detector made of one rule for every layer.

    Attributes:
        rule: What one layer does.
        needs: What the detector cannot do without.
        fit_classes: Where the classes of the samples that are fitted come from.
        score_classes: Where the classes of the samples that are scored come from.
        unit_length: Whether every activation is divided by its length first.
        fold: Whether positions become rows, scored one by one and averaged; otherwise the rule sees rows of shape (n, p, d).
    """

    rule: LayerRule
    needs: frozenset[Need]
    fit_classes: ClassSource = "none"
    score_classes: ClassSource = "none"
    unit_length: bool = False
    fold: bool = True

    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the state before the first batch."""
        if not spec.widths:
            raise ValueError("This detector reads activations and the model names no layer.")
        if self.fit_classes != "none" and spec.num_classes < 1:
            raise ValueError("This detector tells classes apart and the model does not classify.")
        return tensors.join(
            {
                layer: {"width": np.asarray(width), **self.rule.init(width, spec.num_classes, seed)}
                for layer, width in spec.widths.items()
            }
        )

    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        """Return the state after a further batch."""
        if len(features) == 0:
            return state
        classes = _classes(features, self.fit_classes)
        prepare = unit_rows if self.unit_length else _unchanged
        after = {}
        for layer, before in tensors.apart(state).items():
            rows, positions = self._rows(features, layer, int(before["width"]))
            own = np.repeat(classes, positions)
            after[layer] = {
                "width": before["width"],
                **self.rule.update(before, prepare(rows), own, split),
            }
        return tensors.join(after)

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state that one pass over both shards would have reached."""
        left, right = tensors.apart(a), tensors.apart(b)
        if {n: int(t["width"]) for n, t in left.items()} != {
            n: int(t["width"]) for n, t in right.items()
        }:
            raise ValueError(
                f"States of different layers cannot be merged: {sorted(left)} and {sorted(right)}."
            )
        return tensors.join(
            {
                layer: {"width": left[layer]["width"], **self.rule.merge(left[layer], right[layer])}
                for layer in left
            }
        )

    def finalize(self, state: Tensors) -> Tensors:
        """Return what scoring needs."""
        return tensors.join(
            {
                layer: {"width": own["width"], **self.rule.finalize(layer, own)}
                for layer, own in tensors.apart(state).items()
            }
        )

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of a batch by layer."""
        classes = _classes(features, self.score_classes)
        prepare = unit_rows if self.unit_length else _unchanged
        scores = {}
        for layer, own in tensors.apart(fitted).items():
            rows, positions = self._rows(features, layer, int(own["width"]))
            values = by_blocks(
                lambda r, c, own=own: self.rule.score(own, prepare(r), c),
                rows,
                np.repeat(classes, positions),
            )
            scores[layer] = values.reshape(-1, positions).mean(axis=1)
        return scores

    def _rows(self, features: Features, layer: str, width: int) -> tuple[np.ndarray, int]:
        """Return what the rule sees, and how many of its rows make one sample."""
        rows, positions = checks.layer_rows(features, layer, width)
        return (rows, positions) if self.fold else (rows.reshape(-1, positions, width), 1)


def unit_rows(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Return every row divided by its length; a zero row stays zero."""
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    return (rows / np.maximum(lengths, 1e-30)[:, None]).astype(rows.dtype)


def _unchanged(rows: np.ndarray) -> np.ndarray:
    return rows


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
    return np.zeros(len(features), dtype=np.int64)
