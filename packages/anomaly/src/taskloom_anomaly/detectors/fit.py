"""Fits and runs a detector of either form; the one place that distinguishes them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from taskloom.errors import PluginError

from taskloom_anomaly.detectors.base import (
    Detector,
    Features,
    FeatureSpec,
    FeatureStream,
    Scores,
    Split,
    StreamingDetector,
    Tensors,
    TrainedDetector,
)

# A fixed order: the state must not depend on the order in which a set of needs happens to iterate.
SPLITS: tuple[Split, ...] = ("trusted", "untrusted")


def fit(detector: Detector, stream: FeatureStream, spec: FeatureSpec, seed: int) -> Tensors:
    """Fit a detector to a stream.

    Args:
        detector: The detector.
        stream: The trusted and, where the detector needs them, untrusted batches.
        spec: Layer widths and the model's head.
        seed: Seed of the detector's random draws.

    Returns:
        The arrays that `detector.score` reads, in a form that safetensors can hold.

    Raises:
        PluginError: If the detector has neither form.
        ValueError: If a split that the detector needs is empty, or has too few samples.
    """
    if isinstance(detector, StreamingDetector):
        return detector.finalize(fit_state(detector, stream, spec, seed))
    if isinstance(detector, TrainedDetector):
        return detector.fit(stream, spec, seed)
    raise PluginError(
        f"{type(detector).__name__} cannot be fitted: it derives from neither StreamingDetector nor TrainedDetector."
    )


def fit_state(
    detector: StreamingDetector, stream: FeatureStream, spec: FeatureSpec, seed: int
) -> Tensors:
    """Return the state after one pass over the splits that the detector needs."""
    state = detector.init(spec, seed)
    for split in SPLITS:
        if split in detector.needs:
            count = 0
            for features in stream.batches(split):
                state = detector.update(state, features, split)
                count += len(features)
            # Asked here, where the split is known; `finalize` could only say that it has too few samples.
            if count == 0:
                raise ValueError(
                    f"This detector needs {split} data and the task has none; choose another detector or regime."
                )
    return state


def score(detector: Detector, fitted: Tensors, batches: Iterable[Features]) -> Scores:
    """Score batch after batch.

    Returns:
        Layer name to the scores of all samples in order, shape (n,), float64.
    """
    parts: dict[str, list[np.ndarray]] = {}
    for features in batches:
        for layer, values in detector.score(fitted, features).items():
            parts.setdefault(layer, []).append(values)
    return {layer: np.concatenate(values) for layer, values in parts.items()}
