"""Streams a model's activations to a detector, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from taskloom.errors import ConfigError, RunFailedError

from taskloom_anomaly.backends.failures import reason
from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.layers import check_layers
from taskloom_anomaly.backends.reduction import Reduction, reduce_positions, reduced_width
from taskloom_anomaly.backends.resolve import find_head
from taskloom_anomaly.data.arrays import ArrayDataset, Samples
from taskloom_anomaly.detection.activations import ActivationStore
from taskloom_anomaly.detectors.base import Features, FeatureSpec, Split
from taskloom_anomaly.detectors.checks import all_finite

# Features up to this size stay in memory between passes; beyond it every pass runs the network again.
_KEEP_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Extractor:
    """Reader of the activations of a model.

    Attributes:
        handle: The model.
        layers: Layers to watch.
        reduction: How positions become one vector.
        batch_size: Samples per forward pass.
        store: Where activations are kept between detectors and runs, if anywhere.
    """

    handle: ModelHandle
    layers: tuple[str, ...]
    reduction: Reduction = "auto"
    batch_size: int = 1024
    store: ActivationStore | None = None

    def batches(self, data: Samples, *, reveal: bool = False) -> Iterator[Features]:
        """Yield the features of a data set.

        Args:
            data: Samples.
            reveal: Whether the hidden flags are shown; skyline detectors only.

        Raises:
            ConfigError: The samples do not fit the network.
            RunFailedError: An activation is not a number.
        """
        if self.store is None:
            for batch in data.batches(self.batch_size):
                found = self._compute(batch.inputs, ("", *self.layers))
                yield self._features(batch, found, reveal)
            return
        data = data.arrays()
        whole = self.store.fetch(
            self.handle.fingerprint,
            data.inputs,
            ("", *self.layers),
            self._compute,
            processing=self.reduction,
            batch_size=self.batch_size,
        )
        for index, batch in enumerate(data.batches(self.batch_size)):
            rows = slice(index * self.batch_size, index * self.batch_size + len(batch))
            part = {name: np.asarray(array[rows]) for name, array in whole.items()}
            yield self._features(batch, part, reveal)

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
        )

    def activations(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the activations of the watched layers before positions are reduced.

        Raises:
            ConfigError: The samples do not fit the network.
            RunFailedError: An activation is not a number.
        """
        found = self._forward(inputs, self.layers)
        return {name: found[name] for name in self.layers}

    def _compute(self, inputs: np.ndarray, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        """Run the network; the logits are called by the empty name, which no layer has."""
        layers = [name for name in wanted if name]
        run = self._forward(inputs, layers)
        logits = run.pop("")
        reduced = {name: reduce_positions(value, self.reduction) for name, value in run.items()}
        return {"": logits, **reduced}

    def _forward(self, inputs: np.ndarray, layers: Sequence[str]) -> dict[str, np.ndarray]:
        try:
            run = self.handle.forward(inputs, layers)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"Samples of the shape {inputs.shape[1:]} do not fit the network: {reason(error)}."
            ) from None
        found = {"": run.logits, **run.activations}
        for name, value in found.items():
            if not all_finite(value):
                raise RunFailedError(_not_numbers(inputs, name, value))
        return found

    def spec(self, data: Samples) -> FeatureSpec:
        """Describe the features before the first batch."""
        infos = self.handle.layers
        widths = {name: reduced_width(infos[name].shape, self.reduction) for name in self.layers}
        head = find_head(self.handle, data.take(slice(32)).arrays().inputs)
        return FeatureSpec(
            widths=widths,
            num_classes=self.handle.num_outputs,
            head_layer=head.layer if head else "",
            head_weight=head.weights if head else None,
            head_bias=head.bias if head else None,
            handle=self.handle,
        )


def _not_numbers(inputs: np.ndarray, layer: str, value: np.ndarray) -> str:
    """Say where NaN or infinity is, and whether it came in with the samples or arose in the network."""
    where = f"layer '{layer}'" if layer else "the logits"
    bad = _bad_rows(value)
    origin = (
        "the inputs of these samples already hold it"
        if inputs.dtype.kind == "f" and _bad_rows(inputs)[bad].all()
        else "their inputs are numbers, so it arises in the network"
    )
    return f"NaN or infinity in {where} on {bad.sum()} of {len(value)} samples: {origin}; scores would mean nothing."


def _bad_rows(value: np.ndarray) -> np.ndarray:
    return np.asarray((~np.isfinite(value)).reshape(len(value), -1).any(axis=1))


class ModelStream:
    """Trusted and untrusted features that can be read several times; implements `FeatureStream`.

    Args:
        extractor: What is read off the model.
        data: Samples by split.
        reveal: Whether the hidden flags of the untrusted samples are shown.
        keep: Whether features are kept for a second pass; detectors that read once need no memory for them.
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

    def batches(self, split: Split, /) -> Iterator[Features]:
        """Yield the split's batches, from memory when an earlier pass fitted into it."""
        if split in self._kept:
            yield from self._kept[split]
            return
        if split not in self._data:
            return
        seen: list[Features] = []
        size = 0
        for features in self._extractor.batches(
            self._data[split], reveal=self._reveal and split == "untrusted"
        ):
            size += _bytes(features)
            if size <= self._limit:
                seen.append(features)
            else:
                seen.clear()
            yield features
        if size <= self._limit:
            self._kept[split] = seen


def _bytes(features: Features) -> int:
    logits = 0 if features.logits is None else features.logits.nbytes
    return logits + sum(value.nbytes for value in features.activations.values())


def extractor_for(
    handle: ModelHandle,
    layers: tuple[str, ...],
    reduction: Reduction,
    batch_size: int,
    store: ActivationStore | None = None,
) -> Extractor:
    """Return an extractor of the layers asked for, or of the default ones."""
    names = check_layers(layers, handle.layers) if layers else handle.default_layers
    return Extractor(handle, names, reduction, batch_size, store)
