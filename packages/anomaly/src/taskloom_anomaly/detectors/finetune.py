"""Finetuning: KL(original || finetuned) of the class probabilities, after training a copy of the model on trusted data.

What trusted data does not use, such as the path from a trigger to its class, is forgotten; inputs that need it change their
output. Every epoch reads the stream anew. Samples without a label are trained towards the original model's answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors import checks
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
from taskloom_anomaly.statistics import adam

if TYPE_CHECKING:
    from jaxtyping import Float

_PREFIX = "finetuned/"


class Finetune(TrainedDetector):
    """Change of the output when the model is trained on with trusted data."""

    kind: Literal["finetune"] = "finetune"
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the trusted data."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Samples a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Adam's step size."""

    @property
    def needs(self) -> frozenset[Need]:
        """The model itself."""
        return frozenset({"inputs", "logits", "handle", "trusted"})

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the finetuned parameters."""
        if spec.handle is None:
            raise ValueError("Finetuning trains the model and the task gives none to train.")
        rng = np.random.default_rng(seed)
        parameters, state, count = spec.handle.parameters(), adam.start(), 0
        for _ in range(self.epochs):
            for features in stream.batches("trusted"):
                inputs, labels = checks.model_input(features), _targets(features)
                # Shuffled within a batch of the stream, since the whole of it need not fit into memory.
                order = rng.permutation(len(inputs))
                for start in range(0, len(order), self.batch_size):
                    own = order[start : start + self.batch_size]
                    _, gradient = spec.handle.loss_gradient(parameters, inputs[own], labels[own])
                    state, parameters = adam.step(state, parameters, gradient, self.learning_rate)
                    count += len(own)
        checks.require_trusted(bool(count))
        # A step that is too large ends in NaN without an exception, and every score would be NaN.
        broken = [name for name, array in parameters.items() if not np.isfinite(array).all()]
        if broken:
            raise ValueError(
                f"Finetuning diverged at a learning rate of {self.learning_rate:g} (parameter '{broken[0]}'); use a smaller one."
            )
        return {f"{_PREFIX}{name}": np.asarray(array, order="C") for name, array in parameters.items()}  # fmt: skip

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the divergence [nat] of each sample, under the name of the output."""
        handle = features.handle
        if handle is None:
            raise ValueError("Finetuning compares two models and the features carry none.")
        parameters = {name.removeprefix(_PREFIX): array for name, array in fitted.items()}

        def rate(inputs: np.ndarray, original: np.ndarray) -> np.ndarray:
            after = np.asarray(handle.logits(parameters, inputs), dtype=np.float64)
            return divergence(original, after)

        inputs, original = checks.model_input(features), checks.model_output(features)
        return {OUTPUT: by_blocks(rate, inputs, original)}


def divergence(
    p_logits: Float[np.ndarray, "n K"], q_logits: Float[np.ndarray, "n K"]
) -> Float[np.ndarray, " n"]:
    """Return KL(softmax p || softmax q) [nat] of each row."""
    from scipy.special import log_softmax  # scipy is heavy

    log_p, log_q = log_softmax(p_logits, axis=1), log_softmax(q_logits, axis=1)
    # Rounding may leave a divergence of nearly nothing below zero.
    return np.maximum(np.sum(np.exp(log_p) * (log_p - log_q), axis=1), 0.0)


def _targets(features: Features) -> np.ndarray:
    if features.labels is not None:
        return np.asarray(features.labels)
    return checks.predicted(features)
