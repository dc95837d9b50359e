"""Locally consistent abstractions: a smaller model of how trusted inputs are worked on, layer by layer.

The score of a layer is how badly its abstract features are predicted from the layer before; the score of the output is the
divergence between the model's classes and those the abstraction predicts. `abstraction_model` states the losses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors import checks, tensors
from taskloom_anomaly.detectors.abstraction_model import initial, losses
from taskloom_anomaly.detectors.base import (
    OUTPUT,
    Features,
    FeatureSpec,
    FeatureStream,
    Need,
    Scores,
    Tensors,
    TrainedDetector,
)
from taskloom_anomaly.detectors.blocks import by_blocks
from taskloom_anomaly.statistics import reservoir, scale

_MODEL = "abstraction"
# Samples that the adversary turns against at once: each has a copy of the parameters and of Adam's moments.
_CHUNK = 32


class Abstraction(TrainedDetector):
    """Departure from a smaller model that predicts layer after layer."""

    kind: Literal["abstraction"] = "abstraction"
    layers: tuple[str, ...] = ()
    """The layers abstracted, in the order of the model; none means all that are watched."""
    mode: Literal["local", "global", "adversarial"] = "local"
    """Each prediction starts from the true layer before it; from the prediction of that; or from the true one with an
    abstraction that first turns against the sample."""
    size_factor: Annotated[float, Field(ge=1)] = 4.0
    """Features of the model that one abstract feature stands for."""
    distance: Literal["cosine", "l2"] = "cosine"
    """Between a predicted and a true abstract layer."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the trusted data."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Samples a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Adam's step size."""
    adversarial_steps: Annotated[int, Field(ge=1)] = 5
    """Adam steps against each sample, under `adversarial`."""
    adversarial_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Their size."""
    adversarial_weight: Annotated[float, Field(ge=0)] = 10.0
    """Weight that holds the loss on trusted samples where training left it."""
    adversarial_samples: Annotated[int, Field(ge=1)] = 64
    """Trusted samples that loss is taken over."""

    @property
    def needs(self) -> frozenset[Need]:
        """Activations and the output that they lead to."""
        return frozenset({"activations", "logits", "trusted"})

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the scaling of each layer, the abstract model, and what the adversarial form holds it to."""
        names = self.layers or tuple(spec.widths)
        for name in names:
            checks.require_layer(name, spec.widths)
        checks.require_layers(names)
        first = next(iter(stream.batches("trusted")), None)
        if first is None:
            raise ValueError("This detector needs trusted data and the task has none.")
        # The output step predicts the logits from the layer before; as a layer they would predict themselves.
        names = tuple(name for name in names if not _is_output(first, name)) or names
        fitted = self._scaled(stream, {name: spec.widths[name] for name in names})
        classes = checks.model_output(first).shape[1]
        parameters = initial([spec.widths[name] for name in names], classes, self.size_factor, seed)
        fitted[_MODEL] = self._trained(parameters, stream, fitted, seed)
        if self.mode == "adversarial":
            fitted[_MODEL] |= self._kept(stream, fitted, seed)
        return tensors.join(fitted)

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the loss at each layer but the first, and at the output."""
        nested = tensors.apart(fitted)
        names = _names(nested)
        arrays = _standardised(nested, features)
        found = by_blocks(lambda *blocks: self._rate(nested[_MODEL], blocks), *arrays)
        layers = [*names[1:], OUTPUT]
        return {layer: np.ascontiguousarray(found[:, i]) for i, layer in enumerate(layers)}

    def _scaled(self, stream: FeatureStream, widths: dict[str, int]) -> dict[str, Tensors]:
        known = {name: scale.empty(width) for name, width in widths.items()}
        for features in stream.batches("trusted"):
            for name, width in widths.items():
                further = scale.of_rows(checks.pooled_rows(features, name, width))
                known[name] = scale.merge(known[name], further)
        checks.require_trusted(bool(next(iter(known.values())).number))
        return {
            name: {
                "order": np.asarray(index),
                "centre": own.mean,
                "factor": scale.inverse_deviation(own),
            }
            for index, (name, own) in enumerate(known.items())
        }

    def _trained(
        self, parameters: Tensors, stream: FeatureStream, fitted: dict[str, Tensors], seed: int
    ) -> Tensors:
        from taskloom_anomaly.detectors.abstraction_jax import train_step  # JAX is heavy

        adam, step = train_step(
            follow=self.mode == "global",
            cosine=self.distance == "cosine",
            learning_rate=self.learning_rate,
        )
        memory = adam.init(parameters)
        rng = np.random.default_rng(seed)
        for _ in range(self.epochs):
            for features in stream.batches("trusted"):
                arrays = _standardised(fitted, features)
                for batch, weights in _padded(arrays, rng, self.batch_size):
                    parameters, memory = step(parameters, memory, batch[:-1], batch[-1], weights)
        # Copies, because numpy's view of a JAX buffer is read-only and keeps the device's memory.
        trained = {name: np.array(array) for name, array in parameters.items()}
        if not all(np.isfinite(array).all() for array in trained.values()):
            raise ValueError(
                f"The abstraction diverged at a learning rate of {self.learning_rate:g}; use a smaller one."
            )
        return trained

    def _kept(self, stream: FeatureStream, fitted: dict[str, Tensors], seed: int) -> Tensors:
        kept: reservoir.Reservoir | None = None
        widths: list[int] = []
        for features in stream.batches("trusted"):
            arrays = _standardised(fitted, features)
            widths = [array.shape[1] for array in arrays]
            rows = np.concatenate(arrays, axis=1)
            empty = reservoir.empty(self.adversarial_samples, rows.shape[1], seed)
            kept = reservoir.add(kept or empty, rows, np.zeros(len(rows), dtype=np.int64))
        assert kept is not None  # `_scaled` has read at least one sample
        parts = np.split(kept.rows, np.cumsum(widths)[:-1], axis=1)
        return {f"trusted{index}": part for index, part in enumerate(parts)}

    def _rate(self, model: Tensors, blocks: tuple[np.ndarray, ...]) -> np.ndarray:
        *layers, logits = blocks
        cosine = self.distance == "cosine"
        # The kept samples lie beside the parameters, because fitted tensors are one flat dictionary.
        kept = {name: array for name, array in model.items() if name.startswith("trusted")}
        parameters = {name: array for name, array in model.items() if name not in kept}
        if self.mode == "adversarial":
            from taskloom_anomaly.detectors.abstraction_jax import adversary  # JAX is heavy

            every = adversary(
                cosine=cosine,
                steps=self.adversarial_steps,
                rate=self.adversarial_rate,
                weight=self.adversarial_weight,
                chunk=_CHUNK,
            )
            trusted = [kept[f"trusted{index}"] for index in range(len(layers) + 1)]
            return np.asarray(
                every(parameters, trusted[:-1], trusted[-1], layers, logits), dtype=np.float64
            )
        follow = self.mode == "global"
        found = losses(parameters, layers, logits, follow=follow, cosine=cosine, xp=np)
        return np.stack(found, axis=1).astype(np.float64)


def _is_output(features: Features, layer: str) -> bool:
    """Return whether a layer is the model's output itself, which says of itself what any other abstraction would learn."""
    rows, positions = checks.layer_rows(features, layer)
    logits = checks.model_output(features)
    return positions == 1 and rows.shape == logits.shape and np.allclose(rows, logits, rtol=1e-5)


def _names(nested: dict[str, Tensors]) -> list[str]:
    return sorted((n for n in nested if n != _MODEL), key=lambda name: int(nested[name]["order"]))


def _standardised(nested: dict[str, Tensors], features: Features) -> list[np.ndarray]:
    """Return each layer centred and scaled, and last the logits, all float32."""
    found = []
    for name in _names(nested):
        own = nested[name]
        rows = checks.pooled_rows(features, name, len(own["centre"]))
        # Float32 as in training: in another precision a score would not be the loss that was minimised.
        found.append(((rows - own["centre"]) * own["factor"]).astype(np.float32))
    return [*found, checks.model_output(features).astype(np.float32)]


def _padded(
    arrays: list[np.ndarray], rng: np.random.Generator, size: int
) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
    """Yield shuffled batches of one size, and the weights that tell samples from padding."""
    order = rng.permutation(len(arrays[0]))
    for start in range(0, len(order), size):
        own = order[start : start + size]
        weights = np.zeros(size, dtype=np.float32)
        weights[: len(own)] = 1.0
        # A shorter last batch would compile the step anew; the samples that fill it up weigh nothing.
        filled = np.resize(own, size)
        yield [array[filled] for array in arrays], weights
