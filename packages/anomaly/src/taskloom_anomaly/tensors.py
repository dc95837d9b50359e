"""Arrays in safetensors files, replaced atomically; nothing is pickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from taskloom.errors import StoreError


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a file that is either there whole or not at all."""
    from safetensors.numpy import save  # safetensors is heavy

    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(save({name: np.asarray(v, order="C") for name, v in tensors.items()}))
    partial.replace(path)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read arrays.

    Each is a copy of its own, aligned as the arrays of numpy are: on others a matrix product may take another path, and its
    last bits with it.

    Raises:
        StoreError: The file cannot be read, or is no safetensors file.
    """
    from safetensors import SafetensorError  # safetensors is heavy
    from safetensors.numpy import load

    try:
        return {name: np.array(value, order="C") for name, value in load(path.read_bytes()).items()}
    except (OSError, SafetensorError) as error:
        raise StoreError(f"The tensors in '{path}' cannot be read: {error}.") from None
