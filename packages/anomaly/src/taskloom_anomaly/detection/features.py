"""Streams a model's activations to a detector, batch by batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from taskloom.errors import ConfigError, RunFailedError

from taskloom_anomaly.backends.failures import fitting, not_numbers
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.layers import check_layers, layer_info
from taskloom_anomaly.backends.reduction import (
    chosen_reduction,
    reduce_positions,
    reduced_width,
)
from taskloom_anomaly.backends.resolve import find_head
from taskloom_anomaly.config import Reduction
from taskloom_anomaly.data.arrays import ArrayDataset, Samples
from taskloom_anomaly.data.named import Inputs, mask_of, right_padded
from taskloom_anomaly.detection import padding
from taskloom_anomaly.detection.activations import ActivationStore
from taskloom_anomaly.detection.constants import Ranges
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec, Split
from taskloom_anomaly.detectors.checks import all_finite

_log = logging.getLogger(__name__)

# Features up to this size stay in memory between passes; beyond it every pass runs the network again.
_KEEP_BYTES = 512 << 20
# Batches of texts that are sorted by length together; the features of so many, without positions, are in memory at once.
_AT_ONCE = 16
# Kept and fresh activations differ by no more than this share of the largest: other batches add in another order.
_SAME = 1e-5


@dataclass(frozen=True)
class Extractor:
    """Reader of the activations of a model.

    Attributes:
        handle: The model.
        layers: Layers to watch.
        reduction: How positions become one vector.
        batch_size: Samples per forward pass.
        store: Where activations are kept between detectors and runs, if anywhere.
        scores_positions: Whether the detector reads positions by itself, which is what `auto` then leaves to it.
    """

    handle: ModelHandle
    layers: tuple[str, ...]
    reduction: Reduction = "auto"
    batch_size: int = 1024
    store: ActivationStore | None = None
    scores_positions: bool = False

    @cached_property
    def reductions(self) -> dict[str, Reduction]:
        """The reduction of each layer."""
        shapes = {name: layer_info(self.handle, name).shape for name in self.layers}
        # Whether a network is causal takes passes to find out, so only sequences ask.
        is_open = self.reduction == "auto" and not self.scores_positions
        causal = is_open and any(len(shape) == 2 for shape in shapes.values())
        is_causal = causal and bool(getattr(self.handle, "is_causal", True))
        return {
            name: chosen_reduction(
                self.reduction,
                len(shape) + 1,
                is_causal=is_causal,
                scores_positions=self.scores_positions,
            )
            for name, shape in shapes.items()
        }

    def batches(self, data: Samples, *, reveal: bool = False) -> Iterator[Features]:
        """Yield the features of a data set.

        Args:
            data: Samples.
            reveal: Whether the hidden flags are shown; skyline detectors only.

        Raises:
            ConfigError: The samples do not fit the network.
            RunFailedError: An activation is not a number, or what is kept is not what the network gives.
        """
        size = self.batch_size * self._batches_at_once(data)
        if self.store is None:
            start = 0
            for several in data.batches(size):
                padding.require_positions(several.inputs, start)
                start += len(several)
                found = self._by_length(several.inputs, ("", *self.layers))
                for first in range(0, len(several), self.batch_size):
                    rows = slice(first, first + self.batch_size)
                    part = {name: array[rows] for name, array in found.items()}
                    yield self._features(several.take(rows), part, reveal)
            return
        whole = self.store.fetch(
            self.handle.fingerprint,
            data,
            ("", *self.layers),
            self._by_length,
            processing=self._processing,
            batch_size=size,
        )
        self._assert_same(data, whole)
        for index, batch in enumerate(data.batches(self.batch_size)):
            rows = slice(index * self.batch_size, index * self.batch_size + len(batch))
            part = {name: np.asarray(array[rows]) for name, array in whole.items()}
            yield self._features(batch, part, reveal)

    def _batches_at_once(self, data: Samples) -> int:
        """Return how many batches are read to be run by length: one where nothing is padded, or positions themselves are kept."""
        if "none" in self.reductions.values() or len(data) <= self.batch_size:
            return 1
        return 1 if padding.real_of(data.take(slice(1)).arrays().inputs) is None else _AT_ONCE

    def _by_length(self, inputs: Inputs, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        """Run the network on batches of samples that are about as long, and return what it gives in the order of the samples."""
        if len(inputs) <= self.batch_size:
            return self._compute(inputs, wanted)
        return padding.in_batches(lambda part: self._compute(part, wanted), inputs, self.batch_size)

    @property
    def _processing(self) -> str:
        return ",".join(f"{name}={how}" for name, how in self.reductions.items())

    def _assert_same(self, data: Samples, whole: Mapping[str, np.ndarray]) -> None:
        """Compute the first and the last row again: a branch that no probe takes shows here at the latest."""
        ends = data.take(np.array([0, len(data) - 1])).arrays()
        for name, fresh in self._compute(ends.inputs, tuple(whole)).items():
            kept = np.asarray(whole[name][[0, -1]])
            bound = _SAME * float(np.abs(fresh).max(initial=1e-30))
            if kept.shape != fresh.shape or not np.allclose(kept, fresh, rtol=0, atol=bound):
                what = f"layer '{name}'" if name else "the logits"
                raise RunFailedError(
                    f"What is kept of {what} is not what the network gives now: remove the folder of --activations."
                )

    def _features(
        self, batch: ArrayDataset, found: dict[str, np.ndarray], reveal: bool
    ) -> Features:
        return Features(
            activations={name: found[name] for name in self.layers},
            logits=found[""],
            inputs=batch.inputs,
            labels=batch.labels,
            anomalous=batch.anomalous if reveal else None,
            handle=self.handle,
            mask=mask_of(right_padded(batch.inputs)),
        )

    def activations(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return the activations of the watched layers before positions are reduced.

        Raises:
            ConfigError: The samples do not fit the network.
            RunFailedError: An activation is not a number.
        """
        found = self._forward(inputs, self.layers)
        return {name: found[name] for name in self.layers}

    def _compute(self, inputs: Inputs, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        """Run the network; the logits are called by the empty name, which no layer has."""

        def run(part: Inputs) -> dict[str, np.ndarray]:
            return self._reduced(part, wanted)

        inputs = right_padded(inputs)
        padding.require_positions(inputs)
        # Before anything runs: columns of padding alone may lie beyond the network's context.
        part = padding.trimmed(inputs)
        found = padding.by_length(run, part) if self._reads_padding(part, run) else run(part)
        if part is inputs:
            return found
        return padding.widened(found, part.shape[1], inputs.shape[1])

    def _reads_padding(
        self, inputs: Inputs, run: Callable[[Inputs], dict[str, np.ndarray]]
    ) -> bool:
        """Return whether the network reads its padding, which one batch with padding tells."""
        real = padding.real_of(inputs)
        if real is None or real.all():
            return False
        if "padding" not in self._found_out:
            self._found_out["padding"] = padding.reads_padding(run, inputs)
            if self._found_out["padding"]:
                _log.warning(
                    "The network reads its padding: samples are run with those of their own length only."
                )
        return self._found_out["padding"]

    @cached_property
    def _found_out(self) -> dict[str, bool]:
        """Facts about the network that only samples tell."""
        return {}

    def beside_the_mask(self, inputs: Inputs) -> tuple[str, ...]:
        """Return the layers whose positions are not those of the mask: windows, pooled or strided ones.

        Args:
            inputs: A few samples of which some positions are not read, padded on the right.
        """
        mask, found = mask_of(inputs), self._forward(inputs, self.layers)
        return tuple(
            name
            for name in self.layers
            if mask is not None and not padding.fits_mask(found[name], mask)
        )

    def _reduced(self, inputs: Inputs, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        layers = [name for name in wanted if name]
        run = self._forward(inputs, layers)
        logits = run.pop("")
        mask = mask_of(inputs)
        reduced = {
            name: reduce_positions(
                value,
                self.reductions[name],
                padding.mask_for(name, value, mask, self.reductions[name]),
            )
            for name, value in run.items()
        }
        return {"": logits, **reduced}

    def _forward(self, inputs: Inputs, layers: Sequence[str]) -> dict[str, np.ndarray]:
        with fitting(inputs.shape[1:]):
            run = self.handle.forward(inputs, layers)
        found = {"": run.logits, **run.activations}
        for name, value in found.items():
            if len(value) != len(inputs):
                raise ConfigError(
                    f"Layer '{name}' gave {len(value)} rows for {len(inputs)} samples; name its axes with --axes."
                )
            if not all_finite(value):
                raise RunFailedError(not_numbers(inputs, name, value))
        return found

    def spec(self, data: Samples) -> FeatureSpec:
        """Describe the features before the first batch."""
        widths = {
            name: reduced_width(layer_info(self.handle, name).shape, self.reductions[name])
            for name in self.layers
        }
        few = right_padded(data.take(slice(32)).arrays().inputs)
        head = find_head(self.handle, padding.trimmed(few))
        return FeatureSpec(
            widths=widths,
            num_classes=self.handle.num_outputs,
            head_layer=head.layer if head else "",
            head_weight=head.weights if head else None,
            head_bias=head.bias if head else None,
            handle=self.handle,
            precisions={
                name: kind
                for name in self.layers
                if (kind := layer_info(self.handle, name).precision)
            },
        )


class ModelStream:
    """Trusted and untrusted features that can be read several times; implements `FeatureStream`.

    Args:
        extractor: What is read off the model.
        data: Samples by split.
        reveal: Whether the hidden flags of the untrusted samples are shown.
        keep: Whether features are kept for a second pass; detectors that read once need no memory for them.

    Attributes:
        classes: The class that the network gives each sample of a split that was read to its end.
        ranges: The least and the largest value of every feature of the trusted samples, once they were read.
    """

    def __init__(
        self,
        extractor: Extractor,
        data: Mapping[Split, Samples],
        *,
        reveal: bool = False,
        keep: bool = True,
    ) -> None:
        self._extractor = extractor
        self._data = data
        self._reveal = reveal
        self._limit = _KEEP_BYTES if keep else 0
        self._kept: dict[Split, list[Features]] = {}
        self.classes: dict[Split, np.ndarray] = {}
        self.ranges: Ranges | None = None

    def batches(self, split: Split, /) -> Iterator[Features]:
        """Yield the split's batches, from memory when an earlier pass fitted into it."""
        if split in self._kept:
            yield from self._kept[split]
            return
        if split not in self._data:
            return
        seen: list[Features] = []
        classes: list[np.ndarray] = []
        ranges = Ranges()
        size = 0
        for features in self._extractor.batches(
            self._data[split], reveal=self._reveal and split == "untrusted"
        ):
            size += _bytes(features)
            classes += classes_of(features)
            if split == "trusted" and self.ranges is None:
                ranges.add(features)
            if size <= self._limit:
                seen.append(features)
            else:
                seen.clear()
            yield features
        if size <= self._limit:
            self._kept[split] = seen
        if classes:
            self.classes[split] = np.concatenate(classes)
        if split == "trusted" and self.ranges is None:
            self.ranges = ranges


def classes_of(features: Features) -> list[np.ndarray]:
    """Return the class that the network gives each sample of a batch; nothing where it gives no class scores."""
    logits = features.logits
    is_scores = logits is not None and logits.ndim == 2 and logits.shape[1] > 1
    return [logits.argmax(axis=1)] if logits is not None and is_scores else []


def _bytes(features: Features) -> int:
    logits = 0 if features.logits is None else features.logits.nbytes
    return logits + sum(value.nbytes for value in features.activations.values())


def extractor_for(
    handle: ModelHandle,
    layers: tuple[str, ...],
    reduction: Reduction,
    batch_size: int,
    store: ActivationStore | None = None,
    *,
    detector: Detector | None = None,
) -> Extractor:
    """Return an extractor of the layers asked for, or of the default ones.

    Raises:
        UnknownNameError: The network has no layer of a name.
        ConfigError: A layer has no axis of samples, or nothing of the network can be watched.
    """
    names = chosen_layers(handle, layers)
    positions = detector is not None and detector.reads_positions
    return Extractor(handle, names, reduction, batch_size, store, positions)


def chosen_layers(handle: ModelHandle, layers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the layers asked for, patterns expanded, or the default ones; it raises as `extractor_for` does."""
    if layers:
        own = getattr(handle, "check_layers", None)
        known = handle.layers
        return tuple(own(layers)) if own else check_layers(layers, tuple(known), known)
    names = handle.default_layers
    if not names:
        listed = ", ".join(handle.layers) or "none"
        raise ConfigError(
            f"The network has no layer to watch by default; name some with --layers, of: {listed}."
        )
    return names
