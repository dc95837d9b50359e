"""TED, topological evolution dynamics: Mo et al., IEEE S&P 2024 (arXiv 2312.02673).

In every layer a sample has a nearest trusted neighbour among those of its predicted class; its rank is 1 plus the number of
trusted samples, of any class, that are closer. A sample that works as trusted ones of its class do has low ranks throughout.
The vector of ranks over the layers is compared with the trusted samples' own, each ranked without itself: the score is its
Mahalanobis distance, which is what a principal component analysis that weighs by inverse variances comes to. Ranks are whole
numbers, so 1/12, the variance of rounding, is added to each variance.

A rank is counted, not sorted for: one matrix product and k comparisons a layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    ALL_LAYERS,
    Features,
    FeatureSpec,
    Need,
    Scores,
    Split,
    StreamingDetector,
    Tensors,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.detectors.gaussian import squared_length
from taskloom_anomaly.detectors.sampled import require_neighbours, unpacked
from taskloom_anomaly.statistics import reservoir
from taskloom_anomaly.statistics.neighbours import squared_distances
from taskloom_anomaly.statistics.ranks import mean_rank, nearest_in_class
from taskloom_anomaly.statistics.standard import Scaling
from taskloom_anomaly.statistics.whitening import spectrum, whitening

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# The variance of rounding to whole numbers, without which equal ranks would have none at all.
_ROUNDING = 1.0 / 12.0


class TED(StreamingDetector):
    """Ranks of neighbours in the predicted class, over the layers."""

    kind: Literal["ted"] = "ted"
    k: Annotated[int, Field(ge=1)] = 1
    """Neighbours in the predicted class; their ranks are averaged."""
    reference: Literal["each", "last"] = "each"
    """Neighbours are looked for in each layer (the paper), or in the last one and followed through the others."""
    max_samples: Annotated[int, Field(ge=8)] = 2000
    """Trusted samples kept; a uniform sample of the stream when there are more."""
    standardise: bool = True
    """Give every feature a deviation of one first, so that units do not matter; off for parity with the paper."""

    @property
    def needs(self) -> frozenset[Need]:
        """Activations and the predicted classes."""
        return frozenset({"activations", "logits", "trusted"})

    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        """Return an empty reservoir of all layers side by side: a sample is kept whole or not at all."""
        checks.require_layers(spec.widths)
        kept = reservoir.empty(self.max_samples, sum(spec.widths.values()), seed)
        layers = {
            f"layers/{layer}": {"width": np.asarray(width), "order": np.asarray(index)}
            for index, (layer, width) in enumerate(spec.widths.items())
        }
        return tensors.join({ALL_LAYERS: tensors.pack(kept), **layers})

    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        """Return the reservoir after a further batch."""
        if split != "trusted" or len(features) == 0:
            return state
        nested = tensors.apart(state)
        rows = np.concatenate(_rows(features, _widths(nested)), axis=1)
        kept = reservoir.add(unpacked(nested[ALL_LAYERS]), rows, checks.predicted(features))
        return tensors.join({**nested, ALL_LAYERS: tensors.pack(kept)})

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the reservoir of both shards."""
        left, right = tensors.apart(a), tensors.apart(b)
        kept = reservoir.merge(unpacked(left[ALL_LAYERS]), unpacked(right[ALL_LAYERS]))
        return tensors.join({**left, ALL_LAYERS: tensors.pack(kept)})

    def finalize(self, state: Tensors) -> Tensors:
        """Return the reference activations, and the mean and whitening of the trusted ranks."""
        nested = tensors.apart(state)
        kept, widths = unpacked(nested.pop(ALL_LAYERS)), _widths(nested)
        # Fewer than eight rank vectors have a covariance of little more than its rounding.
        require_neighbours("all", len(kept.rows), max(self.k, 7))
        parts = np.split(kept.rows, np.cumsum(list(widths.values()))[:-1], axis=1)
        for layer, part in zip(widths, parts, strict=True):
            # Centred in float64, so that fewer digits cancel in the distances.
            scaling = Scaling.of(part, layer, 0.0, standardise=self.standardise)
            reference = scaling.apply(part.astype(np.float64))
            nested[f"layers/{layer}"] |= scaling.tensors()
            nested[f"layers/{layer}"]["mean"] = reference.mean(axis=0)
            nested[f"layers/{layer}"]["reference"] = reference - reference.mean(axis=0)
        centred = [nested[f"layers/{layer}"]["reference"] for layer in widths]
        ranks = self._ranks(centred, centred, kept.classes, kept.classes, skip_self=True)
        # With one layer numpy returns a number for a covariance.
        covariance = np.atleast_2d(np.cov(ranks.T)) + _ROUNDING * np.eye(ranks.shape[1])
        own = {
            "classes": kept.classes,
            "mean": ranks.mean(axis=0),
            "factor": whitening(spectrum(covariance), rcond=1e-12),
        }
        return tensors.join({**nested, ALL_LAYERS: own})

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return one score a sample, over all layers."""
        own, references, rows = self._prepared(fitted, features)

        def rate(classes: np.ndarray, *layers: np.ndarray) -> np.ndarray:
            ranks = self._ranks(list(layers), references, classes, own["classes"])
            return squared_length((ranks - own["mean"]) @ own["factor"])

        return {ALL_LAYERS: by_blocks(rate, checks.predicted(features), *rows)}

    def ranks(self, fitted: Tensors, features: Features) -> Float[np.ndarray, "n layers"]:
        """Return the rank of each sample's neighbours by layer, for reports."""
        own, references, rows = self._prepared(fitted, features)
        return self._ranks(rows, references, checks.predicted(features), own["classes"])

    def _prepared(
        self, fitted: Tensors, features: Features
    ) -> tuple[Tensors, list[np.ndarray], list[np.ndarray]]:
        nested = tensors.apart(fitted)
        widths = _widths(nested)
        layers = [nested[f"layers/{layer}"] for layer in widths]
        rows = [
            _scaled(row.astype(np.float64), layer) - layer["mean"]
            for row, layer in zip(_rows(features, widths), layers, strict=True)
        ]
        return nested[ALL_LAYERS], [layer["reference"] for layer in layers], rows

    def _ranks(
        self,
        rows: list[np.ndarray],
        references: list[np.ndarray],
        classes: Int[np.ndarray, " n"],
        reference_classes: Int[np.ndarray, " r"],
        *,
        skip_self: bool = False,
    ) -> Float[np.ndarray, "n layers"]:
        same = classes[:, None] == reference_classes
        found: tuple[np.ndarray, np.ndarray] | None = None
        columns = []
        # Backwards, because the last layer may choose the neighbours for all others.
        for own, reference in zip(rows[::-1], references[::-1], strict=True):
            apart = squared_distances(own, reference)
            if skip_self:
                # A trusted sample is its own nearest neighbour; counted, all its ranks would be 1.
                np.fill_diagonal(apart, np.inf)
            if found is None or self.reference == "each":
                found = nearest_in_class(apart, same, self.k)
            columns.append(mean_rank(apart, *found))
        return np.stack(columns[::-1], axis=1)


def _scaled(rows: np.ndarray, layer: Tensors) -> np.ndarray:
    # Detectors of version 0.2 keep the network's units.
    return Scaling.read(layer).apply(rows) if "unit_inverse" in layer else rows


def _widths(nested: dict[str, Tensors]) -> dict[str, int]:
    """Return the layers and their widths in the order of the model."""
    layers = {
        name.removeprefix("layers/"): own
        for name, own in nested.items()
        if name.startswith("layers/")
    }
    ordered = sorted(layers, key=lambda layer: int(layers[layer]["order"]))
    return {layer: int(layers[layer]["width"]) for layer in ordered}


def _rows(features: Features, widths: dict[str, int]) -> list[np.ndarray]:
    """Return each layer's activations, averaged over positions, shape (n, d)."""
    return [checks.pooled_rows(features, layer, width) for layer, width in widths.items()]
