"""A variational autoencoder of each layer's standardised trusted activations; the score is its loss at the latent mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from taskloom.seeding import derive_seed

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    Features,
    FeatureSpec,
    Need,
    Scores,
    Stream,
    Tensors,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.statistics import adam, autoencoder, scale

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.vae import Vae

_SCALING = ("centre", "factor")


@dataclass(frozen=True, slots=True)
class VaeDetector:
    """One autoencoder a layer.

    Attributes:
        config: The detector's parameters.
    """

    config: Vae

    @property
    def needs(self) -> frozenset[Need]:
        """Activations."""
        return self.config.needs

    def fit(self, stream: Stream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return scaling and weights by layer."""
        if not spec.widths:
            raise ValueError("This detector reads activations and the model names no layer.")
        return tensors.join(
            {
                layer: self._fit_layer(stream, layer, width, derive_seed(seed, layer))
                for layer, width in spec.widths.items()
            }
        )

    def _fit_layer(self, stream: Stream, layer: str, width: int, seed: int) -> Tensors:
        batches = (checks.layer_rows(f, layer, width)[0] for f in stream.batches("trusted"))
        known = reduce(scale.merge, (scale.of_rows(rows) for rows in batches), scale.empty(width))
        if known.number < 2:
            raise ValueError(
                "This detector needs trusted data and the task has none."
                if not known.number
                else f"Layer '{layer}' has 1 trusted sample; an autoencoder needs at least 2."
            )
        centre, factor = known.mean, scale.inverse_deviation(known)
        rng = np.random.default_rng(seed)
        latent = self.config.latent or max(2, width // 8)
        hidden = max(1, round(self.config.hidden_factor * width))
        parameters, state = autoencoder.initial(width, hidden, latent, rng), adam.start()
        for _ in range(self.config.epochs):
            for features in stream.batches("trusted"):
                rows = checks.layer_rows(features, layer, width)[0]
                x = ((rows - centre) * factor).astype(np.float32)[rng.permutation(len(rows))]
                for start in range(0, len(x), self.config.batch_size):
                    own = x[start : start + self.config.batch_size]
                    noise = rng.standard_normal((len(own), latent), dtype=np.float32)
                    slope = autoencoder.gradient(parameters, own, noise, self.config.kld_weight)
                    state, parameters = adam.step(
                        state, parameters, slope, self.config.learning_rate
                    )
        if not all(np.isfinite(array).all() for array in parameters.values()):
            raise ValueError(
                f"The autoencoder of layer '{layer}' diverged at a learning rate of {self.config.learning_rate:g}; use a smaller one."
            )
        return {"centre": centre, "factor": factor, **parameters}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the loss [nat] of each sample by layer, without noise."""
        scores = {}
        for layer, own in tensors.apart(fitted).items():
            rows, positions = checks.layer_rows(features, layer, len(own["centre"]))
            values = by_blocks(lambda block, own=own: self._rate(own, block), rows)
            scores[layer] = values.reshape(-1, positions).mean(axis=1)
        return scores

    def _rate(self, own: Tensors, rows: np.ndarray) -> np.ndarray:
        x = ((rows - own["centre"]) * own["factor"]).astype(np.float32)
        parameters = {name: array for name, array in own.items() if name not in _SCALING}
        return autoencoder.loss(parameters, x, None, self.config.kld_weight)
