"""Fits and runs a detector of either form; the one place that distinguishes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from taskloom.errors import PluginError

from taskloom_anomaly.detectors import checks
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
from taskloom_anomaly.detectors.layerwise import LayerwiseDetector
from taskloom_anomaly.statistics import scale
from taskloom_anomaly.statistics.standard import SPACING, units_of

_NOTHING = "This detector needs {} data and the task has none; choose another detector or regime."
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
    if isinstance(detector, LayerwiseDetector) and detector.scales_first:
        return _fit_scaled(detector, stream, spec, seed)
    if isinstance(detector, StreamingDetector):
        return detector.finalize(fit_state(detector, stream, spec, seed))
    if isinstance(detector, TrainedDetector):
        return detector.fit(stream, spec, seed)
    raise PluginError(
        f"{type(detector).__name__} cannot be fitted: it derives from neither StreamingDetector nor TrainedDetector."
    )


def _fit_scaled(
    detector: LayerwiseDetector, stream: FeatureStream, spec: FeatureSpec, seed: int
) -> Tensors:
    """Take the deviations of all features in a first pass, and fit what is divided by them in a second."""
    known = {layer: scale.empty(width) for layer, width in spec.widths.items()}
    for features in stream.batches("trusted"):
        for layer, width in spec.widths.items():
            rows, positions = checks.layer_rows(features, layer, width, tells_padding=True)
            real = detector.reading.real(features, layer, positions)
            rows = rows if real is None else rows[real]
            known[layer] = scale.merge(known[layer], scale.of_rows(rows))
    factors = {}
    for layer, own in known.items():
        if not own.number:
            raise ValueError(_NOTHING.format("trusted"))
        if own.number < 2:
            raise ValueError(
                f"Layer '{layer}' has {int(own.number)} trusted samples; a covariance needs at least 2."
            )
        spacing = SPACING.get(spec.precisions.get(layer, ""), SPACING["float32"])
        variances = own.squares / (own.number - 1)
        units = units_of(
            own.mean, variances, spacing, standardise=True, layer=layer, count=float(own.number)
        )
        factors[layer] = units.inverse
    plain = detector.model_copy(update={"standardise": False})
    fitted = fit(plain, _Scaled(stream, factors), spec, seed)
    return fitted | {f"{layer}/feature_scale": factor for layer, factor in factors.items()}


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A stream whose features are multiplied by factors, layer by layer."""

    stream: FeatureStream
    factors: Mapping[str, np.ndarray]

    def batches(self, split: Split, /) -> Iterator[Features]:
        """Yield the split's batches."""
        for features in self.stream.batches(split):
            scaled = {n: features.activations[n] * factor for n, factor in self.factors.items()}
            yield replace(features, activations=scaled)


def fit_state(
    detector: StreamingDetector,
    stream: FeatureStream,
    spec: FeatureSpec,
    seed: int,
    *,
    start: int = 0,
) -> Tensors:
    """Return the state after one pass over the splits that the detector needs.

    Args:
        detector: The detector.
        stream: The batches, or those of one shard.
        spec: Layer widths and the model's head.
        seed: Seed of the detector's random draws, the same for every shard.
        start: Trusted rows before this shard, without which two shards merge in their order only.
    """
    state = detector.init(spec, seed)
    state |= {name: np.asarray(start) for name in state if name.endswith("/start")}
    for split in SPLITS:
        if split in detector.needs:
            count = 0
            for features in stream.batches(split):
                state = detector.update(state, features, split)
                count += len(features)
            # Asked here, where the split is known; `finalize` could only say that it has too few samples.
            if count == 0:
                raise ValueError(_NOTHING.format(split))
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
