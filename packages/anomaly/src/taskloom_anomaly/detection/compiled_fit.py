"""Fits detectors that need nothing but moments in the compiled forward pass of a flax network itself.

Activations then never leave the device. Where the device is the processor they need not leave anything: XLA has no symmetric
product there, and BLAS takes the statistics of the same activations in less time (`benchmarks/anomaly/forward_and_statistics.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from taskloom_anomaly.backends.reduction import reduce_positions
from taskloom_anomaly.data.arrays import Samples
from taskloom_anomaly.detection.features import Extractor
from taskloom_anomaly.detectors import tensors
from taskloom_anomaly.detectors.base import Detector, FeatureSpec, Split, Tensors
from taskloom_anomaly.detectors.gaussian import MomentsRule
from taskloom_anomaly.detectors.layerwise import LayerwiseDetector
from taskloom_anomaly.statistics import moments

# Multiplications above which what is saved (two seconds or more) is well worth compiling a second function (half a second, 45 MB).
_WORTH_COMPILING = 1e11


def moments_suffice(detector: Detector) -> bool:
    """Return whether all that a detector reads off a layer are its moments."""
    if not isinstance(detector, LayerwiseDetector) or detector.scales_first:
        return False
    rule = detector.rule()
    # A difference of two distances wants digits that sums in float32 do not have.
    plain = isinstance(rule, MomentsRule) and not rule.double
    return plain and not detector.reading.unit_length


def worth_compiling(
    detector: Detector, extractor: Extractor, data: Mapping[Split, Samples], spec: FeatureSpec
) -> bool:
    """Return whether the forward pass should gather the statistics: a flax network off the processor, moments only, enough samples."""
    work = sum(map(len, data.values())) * sum(width**2 for width in spec.widths.values())
    return (
        work >= _WORTH_COMPILING
        and extractor.store is None
        and moments_suffice(detector)
        and _on_accelerator(extractor.handle)
    )


def _on_accelerator(handle: object) -> bool:
    if not hasattr(handle, "network"):
        return False
    import jax  # jax is heavy

    return jax.default_backend() != "cpu"


def fit_compiled(
    detector: Detector, extractor: Extractor, data: Mapping[Split, Samples], spec: FeatureSpec
) -> Tensors:
    """Return what `detectors.fit.fit` returns, from sums that the forward pass gathers; nothing of the size of the data is kept.

    Raises:
        ValueError: A split that the detector needs is missing or has too few samples.
        RunFailedError: An activation is not a number.
    """
    assert isinstance(detector, LayerwiseDetector)
    rule = detector.rule()
    assert isinstance(rule, MomentsRule)
    known: dict[str, dict[Split, moments.Moments]] = {layer: {} for layer in spec.widths}
    for split in rule.splits:
        if split not in data:
            raise ValueError(
                f"This detector needs {split} data and the task has none; choose another detector or regime."
            )
        for layer, own in _gather(extractor, data[split], rule.fourth).items():
            known[layer][split] = own
    state = tensors.join(
        {
            layer: {
                "width": np.asarray(width),
                **{
                    name: array
                    for split, own in known[layer].items()
                    for name, array in tensors.pack(own, f"{split}.").items()
                },
            }
            for layer, width in spec.widths.items()
        }
    )
    return detector.finalize(state)


def _gather(extractor: Extractor, data: Samples, fourth: bool) -> dict[str, moments.Moments]:
    from taskloom_anomaly.backends.jax_handle import JaxHandle  # jax is heavy
    from taskloom_anomaly.backends.jax_moments import MomentsGatherer  # jax is heavy

    assert isinstance(extractor.handle, JaxHandle)
    gatherer: MomentsGatherer | None = None
    for batch in data.batches(extractor.batch_size):
        if gatherer is None:
            first = extractor.activations(batch.inputs)
            shifts = {
                layer: reduce_positions(value, extractor.reductions[layer]).mean(
                    axis=0, dtype=np.float64
                )
                for layer, value in first.items()
            }
            gatherer = MomentsGatherer(
                extractor.handle, shifts, extractor.reductions, fourth=fourth
            )
        if not gatherer.add(batch.inputs):
            # Finds and names the layer, or the activations are numbers whose powers are none.
            extractor.activations(batch.inputs)
            raise ValueError(
                "An activation is too large for its covariance to be computed in float32."
            )
    return gatherer.moments() if gatherer is not None else {}
