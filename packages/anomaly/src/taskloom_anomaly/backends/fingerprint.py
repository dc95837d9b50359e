"""Hashes that name a network by what it computes."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping

import numpy as np


def parameters_fingerprint(code: str, parameters: Mapping[str, np.ndarray]) -> str:
    """Hash code and parameters, with names, shapes and dtypes."""
    digest = hashlib.blake2b(code.encode(), digest_size=20)
    for name in sorted(parameters):
        value = np.ascontiguousarray(parameters[name])
        digest.update(f"\0{name}\0{value.dtype.str}\0{value.shape}\0".encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()


def class_code(module: object) -> str:
    """The class's name and source; the name alone where the source cannot be read."""
    cls = type(module)
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):
        source = ""
    return f"{cls.__module__}.{cls.__qualname__}\n{source}"
