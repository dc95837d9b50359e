"""Arrays in safetensors files, replaced atomically; nothing is pickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from taskloom.errors import StoreError


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a file that is either there whole or not at all."""
    # Imported here because `tasks list` must not pay for it.
    from safetensors.numpy import save

    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(save({name: np.asarray(v, order="C") for name, v in tensors.items()}))
    partial.replace(path)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read arrays.

    Raises:
        StoreError: The file cannot be read, or is no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise StoreError(f"The tensors in '{path}' cannot be read: {error}.") from None
