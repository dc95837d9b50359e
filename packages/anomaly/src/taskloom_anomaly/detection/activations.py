"""Activations on disk, found again by what they were computed from, and mapped into memory instead of read.

The key of a layer's activations is a hash of everything that determines them: the model's fingerprint (its parameters and its
code or config), the bytes, shape and dtype of the inputs, the layer, and the processing applied afterwards. Nothing but
`.npy` files is written, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.named import NamedArrays

if TYPE_CHECKING:
    from jaxtyping import Shaped

    from taskloom_anomaly.data.arrays import Samples

Compute = Callable[[Any, Sequence[str]], Mapping[str, np.ndarray]]
"""Maps a batch of inputs and the layers wanted to activations by layer, one row (or block) a sample."""


def content_hash(array: Shaped[np.ndarray, ...]) -> str:
    """Return a hash of an array's shape, dtype and bytes.

    Raises:
        ValueError: If the array holds Python objects, whose bytes are addresses.
    """
    if array.dtype.hasobject:
        raise ValueError("An array of Python objects has no content to hash; convert it first.")
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=20)
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def samples_hash(data: Samples, batch_size: int) -> str:
    """Return a hash of the inputs of a data set, read batch by batch; it does not depend on the size of batches."""
    digests: dict[str, Any] = {}
    for batch in data.batches(batch_size):
        inputs = batch.inputs
        arrays = inputs.arrays if isinstance(inputs, NamedArrays) else {"": inputs}
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise ValueError(
                    "An array of Python objects has no content to hash; convert it first."
                )
            if name not in digests:
                form = f"{array.dtype.str}{(len(data), *array.shape[1:])}"
                form = f"{name}\0{form}" if name else form
                digests[name] = hashlib.blake2b(form.encode(), digest_size=20)
            digests[name].update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return "".join(digest.hexdigest() for digest in digests.values())


def activation_key(model: str, inputs: str, layer: str, processing: str) -> str:
    """Return the key of one layer's activations.

    Args:
        model: The model's fingerprint: a hash of its parameters and of its code or config.
        inputs: `content_hash` of the inputs.
        layer: The layer's name.
        processing: What is done to the layer's output, such as the reduction of positions.
    """
    digest = hashlib.blake2b(digest_size=20)
    for part in (model, inputs, layer, processing):
        # The length keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(f"{len(part.encode())}:{part}".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class ActivationStore:
    """A folder of activations.

    Attributes:
        folder: Where they are; made when the first are written. Several processes may use it at once.
    """

    folder: Path

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.folder / key[:2] / f"{key}.npy"

    def get(self, key: str) -> np.ndarray | None:
        """Return the array of a key as a read-only memory map, or None if it is not there or was cut short."""
        try:
            return np.load(self.path(key), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def put(self, key: str, array: np.ndarray) -> None:
        """Write an array; it appears under its key only once it is whole."""
        partial = self._partial(key)
        try:
            with partial.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            os.replace(partial, self.path(key))
        finally:
            partial.unlink(missing_ok=True)

    def fetch(
        self,
        model: str,
        inputs: Samples | Shaped[np.ndarray, "n ..."],
        layers: Sequence[str],
        compute: Compute,
        *,
        processing: str = "",
        batch_size: int = 1024,
    ) -> dict[str, np.ndarray]:
        """Return activations by layer, computing only those that are not stored yet, all in one pass.

        Args:
            model: The model's fingerprint.
            inputs: All inputs, as an array or as a data set that is read batch by batch.
            layers: The layers wanted.
            compute: Runs the model on a batch.
            processing: What `compute` does beyond the layer's output.
            batch_size: Inputs a batch; one batch of activations is in memory at a time.

        Returns:
            Read-only memory maps of shape (n, ...).

        Raises:
            ValueError: If there are no inputs, or `compute` returns another number of rows than it was given.
        """
        if not len(inputs):
            raise ValueError("Activations of no inputs are asked for.")
        data = ArrayDataset(inputs) if isinstance(inputs, np.ndarray) else inputs
        content = samples_hash(data, batch_size)
        keys = {layer: activation_key(model, content, layer, processing) for layer in layers}
        found = {layer: self.get(key) for layer, key in keys.items()}
        missing = [layer for layer, array in found.items() if array is None]
        if missing:
            self._compute(data, {layer: keys[layer] for layer in missing}, compute, batch_size)
            found |= {layer: self.get(keys[layer]) for layer in missing}
        stored = {layer: array for layer, array in found.items() if array is not None}
        if len(stored) < len(keys):
            lost = ", ".join(sorted(set(keys) - set(stored)))
            raise OSError(f"Activations of {lost} could not be read back from '{self.folder}'.")
        return stored

    def _compute(
        self, data: Samples, keys: dict[str, str], compute: Compute, batch_size: int
    ) -> None:
        partial = {layer: self._partial(key) for layer, key in keys.items()}
        maps: dict[str, np.memmap] = {}
        try:
            start = 0
            for samples in data.batches(batch_size):
                batch = samples.inputs
                for layer, rows in compute(batch, list(keys)).items():
                    if layer not in partial:
                        continue
                    if len(rows) != len(batch):
                        raise ValueError(
                            f"Layer '{layer}' has {len(rows)} rows for {len(batch)} inputs."
                        )
                    if layer not in maps:
                        shape = (len(data), *rows.shape[1:])
                        maps[layer] = np.lib.format.open_memmap(
                            partial[layer], mode="w+", dtype=rows.dtype, shape=shape
                        )
                    maps[layer][start : start + len(rows)] = rows
                start += len(batch)
            for layer, array in maps.items():
                array.flush()
                os.replace(partial[layer], self.path(keys[layer]))
        finally:
            for path in partial.values():
                path.unlink(missing_ok=True)

    def _partial(self, key: str) -> Path:
        folder = self.path(key).parent
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f"{key[:8]}.", suffix=".partial")
        os.close(handle)
        return Path(name)
