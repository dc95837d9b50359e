"""A shelf in the user's cache for data that takes long to convert: safetensors, made again if they are damaged or lost."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rdkit
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

# Raised whenever what is kept means something else than before.
_VERSION = "1"


@dataclass(frozen=True)
class Kept:
    """Converted data.

    Attributes:
        arrays: Arrays by name.
        facts: Everything else, as JSON knows it.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any] = field(default_factory=dict)


Maker: TypeAlias = Callable[[], Kept]


def kept(name: str, key: bytes, make: Maker) -> Kept:
    """Return converted data from the cache, or make it and keep it there.

    Args:
        name: What it is, for the file's name.
        key: What it was made from: another key is another file. RDKit's version is a part of it.
        make: The conversion.
    """
    path = _folder() / f"{name}-{_digest(key)}.safetensors"
    found = _read(path)
    if found is not None:
        return found
    made = make()
    # A folder that cannot be written costs time at the next call, and nothing else.
    with contextlib.suppress(OSError):
        _write(path, made)
    return made


def key_of(path: Path) -> bytes:
    """Return what tells a file's contents apart."""
    return blake2b(path.read_bytes(), digest_size=16).digest()


def _digest(key: bytes) -> str:
    versions = f"{_VERSION} {rdkit.__version__}".encode()
    return blake2b(key, digest_size=10, person=versions[:16]).hexdigest()


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache) / "taskloom" / "diffusion"


def _read(path: Path) -> Kept | None:
    try:
        with safe_open(path, framework="numpy") as stored:
            facts = json.loads((stored.metadata() or {}).get("facts", "{}"))
            return Kept({name: stored.get_tensor(name) for name in stored.keys()}, facts)  # noqa: SIM118 -- no mapping
    except (OSError, SafetensorError, ValueError):
        return None


def _write(path: Path, made: Kept) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.ascontiguousarray(array) for name, array in made.arrays.items()}
    # Two processes may convert at the same time: each writes a file of its own, and the last one stays.
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        save_file(arrays, temporary, metadata={"facts": json.dumps(dict(made.facts))})
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
