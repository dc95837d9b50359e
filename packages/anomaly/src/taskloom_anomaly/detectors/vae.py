"""A variational autoencoder of each layer's standardised trusted activations; the score is its loss at the latent mean."""

from __future__ import annotations

from functools import reduce
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from taskloom.seeding import derive_seed

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.base import (
    Features,
    FeatureSpec,
    FeatureStream,
    Scores,
    Tensors,
    TrainedDetector,
)
from taskloom_anomaly.detectors.layerwise import score_layers
from taskloom_anomaly.statistics import adam, autoencoder, scale

_SCALING = ("centre", "factor")


class VAE(TrainedDetector):
    """Loss of a variational autoencoder of the trusted activations."""

    kind: Literal["vae"] = "vae"
    latent: Annotated[int, Field(ge=0)] = 0
    """Latent dimensions; 0 takes an eighth of the width, at least 2."""
    hidden_factor: Annotated[float, Field(gt=0)] = 2.0
    """Hidden units of encoder and decoder for each feature."""
    kld_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the divergence from the prior."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the trusted data."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Samples a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Adam's step size."""

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return scaling and weights by layer."""
        checks.require_layers(spec.widths)
        return tensors.join(
            {
                layer: self._fit_layer(stream, layer, width, derive_seed(seed, layer))
                for layer, width in spec.widths.items()
            }
        )

    def _fit_layer(self, stream: FeatureStream, layer: str, width: int, seed: int) -> Tensors:
        batches = (checks.layer_rows(f, layer, width)[0] for f in stream.batches("trusted"))
        known = reduce(scale.merge, (scale.of_rows(rows) for rows in batches), scale.empty(width))
        checks.require_trusted(bool(known.number))
        if known.number < 2:
            raise ValueError(
                f"Layer '{layer}' has 1 trusted sample; an autoencoder needs at least 2."
            )
        centre, factor = known.mean, scale.inverse_deviation(known)
        rng = np.random.default_rng(seed)
        # At least two dimensions: an eighth of a narrow layer would be one or none.
        latent = self.latent or max(2, width // 8)
        hidden = max(1, round(self.hidden_factor * width))
        parameters, state = autoencoder.initial(width, hidden, latent, rng), adam.start()
        for _ in range(self.epochs):
            for features in stream.batches("trusted"):
                rows = checks.layer_rows(features, layer, width)[0]
                # Shuffled within a batch of the stream, since the whole of it need not fit into memory.
                x = ((rows - centre) * factor).astype(np.float32)[rng.permutation(len(rows))]
                for start in range(0, len(x), self.batch_size):
                    own = x[start : start + self.batch_size]
                    # Float32 throughout: the weights are, and a float64 draw would widen every product.
                    noise = rng.standard_normal((len(own), latent), dtype=np.float32)
                    slope = autoencoder.gradient(parameters, own, noise, self.kld_weight)
                    state, parameters = adam.step(state, parameters, slope, self.learning_rate)
        if not all(np.isfinite(array).all() for array in parameters.values()):
            raise ValueError(
                f"The autoencoder of layer '{layer}' diverged at a learning rate of {self.learning_rate:g}; use a smaller one."
            )
        return {"centre": centre, "factor": factor, **parameters}

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the loss [nat] of each sample by layer, without noise."""
        return score_layers(self._rate, fitted, features, "centre")

    def _rate(self, own: Tensors, rows: np.ndarray) -> np.ndarray:
        # Float32 products round a row by its place among the others on some processors, which a score must not depend on.
        x = (rows - own["centre"]) * own["factor"]
        parameters = {
            name: array.astype(np.float64) for name, array in own.items() if name not in _SCALING
        }
        return autoencoder.loss(parameters, x, None, self.kld_weight)
