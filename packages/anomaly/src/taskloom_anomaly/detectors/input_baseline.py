"""Detectors of the raw inputs: an activation detector that is shown the flattened inputs as its only layer."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

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
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis


class InputBaseline(StreamingDetector):
    """A detector of the raw inputs, to be beaten."""

    kind: Literal["input_baseline"] = "input_baseline"
    method: Literal["mahalanobis", "knn"] = "mahalanobis"
    """Mahalanobis distance with the OAS covariance, or distance to the k-th nearest trusted input."""
    k: Annotated[int, Field(ge=1)] = 10
    """The neighbour, counted from the nearest, under `knn`."""

    @property
    def needs(self) -> frozenset[Need]:
        """Inputs."""
        return frozenset({"inputs", "trusted"})

    @property
    def inner(self) -> StreamingDetector:
        """The activation detector that is shown the inputs."""
        if self.method == "mahalanobis":
            # In the inputs' own units: what is constant in trusted samples counts most when it departs.
            return Mahalanobis(shrinkage="oas", standardise=False)
        return KNN(k=self.k, normalize=False, standardise=False)

    def init(self, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the seed alone: the width of the input is known with the first batch."""
        del spec
        return {"seed": np.asarray(seed)}

    def update(self, state: Tensors, features: Features, split: Split) -> Tensors:
        """Return the state after a further batch."""
        if len(features) == 0:
            return state
        seen = _as_layer(features)
        # The seed alone means that no batch has come yet.
        if len(state) == 1:
            width = seen.activations[INPUT].shape[1]
            own = self.inner.init(FeatureSpec({INPUT: width}), int(state["seed"]))
            state = {"seed": state["seed"], **own}
        return {"seed": state["seed"], **self.inner.update(_inner(state), seen, split)}

    def merge(self, a: Tensors, b: Tensors) -> Tensors:
        """Return the state that one pass over both shards would have reached."""
        # A shard that has seen nothing knows no width, so that there is nothing to merge.
        if len(a) == 1 or len(b) == 1:
            return b if len(a) == 1 else a
        return {"seed": a["seed"], **self.inner.merge(_inner(a), _inner(b))}

    def finalize(self, state: Tensors) -> Tensors:
        """Return the tensors that scoring reads."""
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
