"""LCF, layer-wise change of features (arXiv 2604.24542): how unusual are the steps that a token takes from layer to layer.

With h_l the activation of a token in the l-th watched layer and delta_l = h_{l+1} - h_l, whose entries are standardised over trusted tokens
to z_i:

    D_l = mean_i z_i(delta_l)^2,    l = 1 .. L - 1
    score = (D - m)^T C^+ (D - m)

with mean m and covariance C of (D_1, ..., D_{L-1}) over trusted tokens, shrunk by Ledoit and Wolf. All tokens are one population: a
Gaussian for every position would be of too few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    ALL_LAYERS,
    Features,
    FeatureSpec,
    FeatureStream,
    Scores,
    Tensors,
    TrainedDetector,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.detectors.gaussian import project, squared_length
from taskloom_anomaly.detectors.layerwise import read_positions
from taskloom_anomaly.statistics import moments, scale
from taskloom_anomaly.statistics.covariance import CovarianceEstimator
from taskloom_anomaly.statistics.standard import SPACING, units_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

# D is computed here, in float64, whatever the network's precision.
_SHRUNK = CovarianceEstimator("ledoit_wolf", 0.0, 0, 0.0, standardise=False)


class LCF(TrainedDetector):
    """Steps of the tokens from layer to layer, under one Gaussian."""

    kind: Literal["lcf"] = "lcf"
    skip_first: Annotated[int, Field(ge=0)] = 1
    """First tokens of a text that are left out where every position is scored: the first one draws attention whatever it is."""

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Take the scales of the steps in a first pass and the Gaussian of their sizes in a second."""
        del seed
        layers = _require_stream(spec.widths)
        scales = [scale.empty(spec.widths[layers[0]]) for _ in layers[1:]]
        for features in stream.batches("trusted"):
            steps, real, _ = self._steps(features, layers)
            scales = [
                scale.merge(known, scale.of_rows(step[real]))
                for known, step in zip(scales, steps, strict=True)
            ]
        number = float(scales[0].number)
        if number < 2:
            raise ValueError(
                f"There are {int(number)} trusted samples; a covariance needs at least 2."
            )
        own = {}
        for index, (known, name) in enumerate(zip(scales, layers[1:], strict=True)):
            # What the network has rounded is no step.
            spacing = SPACING.get(spec.precisions.get(name, ""), SPACING["float32"])
            variances = known.squares / (number - 1)
            units = units_of(
                known.mean, variances, spacing, standardise=True, layer=name, count=number
            )
            own[name] = {"place": np.asarray(index), "centre": known.mean, "inverse": units.inverse}
        fitted = tensors.join(
            {
                layers[0]: {"place": np.asarray(-1), "width": np.asarray(spec.widths[layers[0]])},
                **own,
            }
        )
        # One population of tokens: a Gaussian for every position would see a hundredth of them each.
        sizes = moments.empty(len(own), fourth=True)
        for features in stream.batches("trusted"):
            found, real, _ = self._sizes(fitted, features)
            sizes = moments.add(sizes, found[real])
        factor = _SHRUNK.factor(
            ALL_LAYERS,
            sizes.scatter,
            number,
            1,
            mean=sizes.mean,
            spacing=SPACING["float64"],
            fourth=float(sizes.fourth),
        )
        return fitted | tensors.join({ALL_LAYERS: {"mean": sizes.mean, "factor": factor}})

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of a batch; where positions are scored one by one, a sample has their mean."""
        found = self.score_positions(fitted, features)[ALL_LAYERS]
        return {ALL_LAYERS: np.nanmean(found, axis=1)}

    def score_positions(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores of every position over all layers, shape (n, positions); NaN for positions that are not read."""
        sizes, real, positions = self._sizes(fitted, features)
        # NaN marks what is not read, so that no mean or maximum over positions counts it.
        scores = np.full(len(sizes), np.nan)
        own = tensors.apart(fitted)[ALL_LAYERS]
        scores[real] = by_blocks(
            lambda rows: squared_length(project(rows, own["mean"], own["factor"])), sizes[real]
        )
        return {ALL_LAYERS: scores.reshape(-1, positions)}

    def _sizes(
        self, fitted: Tensors, features: Features
    ) -> tuple[Float[np.ndarray, "rows steps"], Bool[np.ndarray, " rows"], int]:
        """Return D of every row, which rows are read, and how many of them make one sample."""
        own = tensors.apart(fitted)
        # A file sorts its arrays by name; the order of the layers is that of the network.
        layers = sorted((n for n in own if "place" in own[n]), key=lambda n: int(own[n]["place"]))
        steps, real, positions = self._steps(features, layers)
        sizes = [
            (((step - own[name]["centre"]) * own[name]["inverse"]) ** 2).mean(axis=1)
            for name, step in zip(layers[1:], steps, strict=True)
        ]
        return np.stack(sizes, axis=1), real, positions

    def _steps(
        self, features: Features, layers: Sequence[str]
    ) -> tuple[list[Float[np.ndarray, "rows d"]], Bool[np.ndarray, " rows"], int]:
        """Return the differences of layers that follow one another, which rows are read, and how many make one sample."""
        rows, positions = [], 1
        for layer in layers:
            found, positions = checks.layer_rows(features, layer, tells_padding=True)
            # In float64: a step is a small difference of large numbers.
            rows.append(found.astype(np.float64))
        read = None
        if features.activations[layers[0]].ndim > 2:
            read = read_positions(features, layers[0], positions, self.skip_first)
        real = np.ones(len(rows[0]), bool) if read is None else read.reshape(-1)
        return [after - before for before, after in pairwise(rows)], real, positions


def _require_stream(widths: Mapping[str, int]) -> tuple[str, ...]:
    """Return the layers, which must be states of one stream.

    Raises:
        ValueError: There are fewer than two, or their widths differ.
    """
    layers = tuple(widths)
    if len(layers) < 2:
        raise ValueError(
            f"lcf compares layers that follow one another, and there are {len(layers)}; watch two or more."
        )
    other = next((name for name in layers if widths[name] != widths[layers[0]]), None)
    if other is not None:
        raise ValueError(
            f"lcf follows one stream from layer to layer, and '{layers[0]}' has {widths[layers[0]]} features, '{other}'"
            f" {widths[other]}: choose --layers of one width, such as the blocks."
        )
    return layers
