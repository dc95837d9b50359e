"""Detectors of the raw inputs: an activation detector that is shown the flattened inputs as its only layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.detectors import checks
from taskloom_anomaly.detectors.base import (
    INPUT,
    Features,
    FeatureSpec,
    Need,
    Scores,
    Split,
    StreamingDetector,
    Tensors,
)
from taskloom_anomaly.detectors.config.knn import Knn
from taskloom_anomaly.detectors.config.mahalanobis import Mahalanobis

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.input_baseline import InputBaseline


def build(config: InputBaseline) -> InputDetector:
    """Return the detector that the config describes."""
    inner = (
        Mahalanobis(shrinkage="oas")
        if config.method == "mahalanobis"
        else Knn(k=config.k, normalize=False)
    )
    return InputDetector(inner.build())


@dataclass(frozen=True, slots=True)
class InputDetector:
    """An activation detector whose one layer is the input.

    Attributes:
        inner: The activation detector.
    """

    inner: StreamingDetector

    @property
    def needs(self) -> frozenset[Need]:
        """Inputs."""
        return frozenset({"inputs", "trusted"})

    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the seed alone: the width of the input is known with the first batch."""
        del spec
        return {"seed": np.asarray(seed)}

    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        """Return the state after a further batch."""
        if len(features) == 0:
            return state
        seen = _as_layer(features)
        if len(state) == 1:
            width = seen.activations[INPUT].shape[1]
            own = self.inner.init(FeatureSpec({INPUT: width}), int(state["seed"]))
            state = {"seed": state["seed"], **own}
        return {"seed": state["seed"], **self.inner.update(_inner(state), seen, split)}

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state that one pass over both shards would have reached."""
        if len(a) == 1 or len(b) == 1:
            return b if len(a) == 1 else a
        return {"seed": a["seed"], **self.inner.merge(_inner(a), _inner(b))}

    def finalize(self, state: Tensors) -> Tensors:
        """Return what scoring needs."""
        if len(state) == 1:
            raise ValueError("The input baseline has seen no trusted samples.")
        return self.inner.finalize(_inner(state))

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the scores under the name of the input."""
        return self.inner.score(fitted, _as_layer(features))


def _inner(state: Tensors) -> Tensors:
    return {name: array for name, array in state.items() if name != "seed"}


def _as_layer(features: Features) -> Features:
    inputs = checks.model_input(features)
    return Features({INPUT: inputs.reshape(len(inputs), -1)})
