"""Detectors whose arithmetic is an object of their own, made by `build()`: the form that every detector had in version 0.1."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from taskloom_anomaly.detectors.base import (
    Features,
    FeatureSpec,
    FeatureStream,
    Scores,
    Tensors,
    TrainedDetector,
)
from taskloom_anomaly.detectors.fit import fit_state


class BuiltDetector(TrainedDetector):
    """A detector whose arithmetic is an object with the methods of a streaming or of a trained detector."""

    @abstractmethod
    def build(self) -> Any:  # noqa: ANN401 -- any object with those methods
        """Return the object; it is asked for `fit` and `score`, or for `init`, `update`, `finalize` and `score`."""

    def fit(self, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
        """Return the tensors that the object learns."""
        built = self.build()
        # Objects of version 0.1 derive from no base, so that their form shows in their methods alone.
        streaming = hasattr(built, "finalize")
        fitted: Tensors = (
            built.finalize(fit_state(built, stream, spec, seed))
            if streaming
            else built.fit(stream, spec, seed)
        )
        return fitted

    def score(self, fitted: Tensors, features: Features) -> Scores:
        """Return the object's scores."""
        scores: Scores = self.build().score(fitted, features)
        return scores
