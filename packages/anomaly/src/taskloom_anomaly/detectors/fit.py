"""Fits and runs a detector of either form; the one place that tells the forms apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from taskloom_anomaly.detectors.base import (
    AnyDetector,
    Features,
    FeatureSpec,
    Scores,
    Split,
    Stream,
    StreamingDetector,
    Tensors,
)

SPLITS: tuple[Split, ...] = ("trusted", "untrusted")


def fit(detector: AnyDetector, stream: Stream, spec: FeatureSpec, seed: int) -> Tensors:
    """Fit a detector to a stream.

    Args:
        detector: What `config.build()` returned.
        stream: The trusted and, where the detector needs them, untrusted batches.
        spec: Layer widths and the model's head.
        seed: Seed of whatever the detector draws.

    Returns:
        What `detector.score` needs, as arrays that safetensors can hold.

    Raises:
        ValueError: If a split that the detector needs is empty, or has too few samples.
    """
    if isinstance(detector, StreamingDetector):
        return detector.finalize(fit_state(detector, stream, spec, seed))
    return detector.fit(stream, spec, seed)


def fit_state(detector: StreamingDetector, stream: Stream, spec: FeatureSpec, seed: int) -> Tensors:
    """Return the state after one pass over the splits that the detector needs."""
    state = detector.init(spec, seed)
    for split in SPLITS:
        if split in detector.needs:
            count = 0
            for features in stream.batches(split):
                state = detector.update(state, features, split)
                count += len(features)
            if count == 0:
                raise ValueError(
                    f"This detector needs {split} data and the task has none; choose another detector or regime."
                )
    return state


def score(detector: AnyDetector, fitted: Tensors, batches: Iterable[Features]) -> Scores:
    """Score batch after batch.

    Returns:
        Layer name to the scores of all samples in order, shape (n,), float64.
    """
    parts: dict[str, list[np.ndarray]] = {}
    for features in batches:
        for layer, values in detector.score(fitted, features).items():
            parts.setdefault(layer, []).append(values)
    return {layer: np.concatenate(values) for layer, values in parts.items()}
