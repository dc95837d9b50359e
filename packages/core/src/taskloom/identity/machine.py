"""Parts of the machine that count: the version of Python, and the kind of device that a run used."""

from __future__ import annotations

import sys
from typing import Any


def python_version() -> str:
    """Return the version of Python that counts: `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def used_device(gpus: int) -> str:
    """Return the kind of device that this process has used: `cpu`, `cuda` or `mps`; no library is loaded for it.

    Args:
        gpus: Number of GPUs that the run was given.
    """
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "cuda"
    if torch is not None and torch.backends.mps.is_available():
        return "mps" if torch.mps.current_allocated_memory() else "cpu"
    return "cuda" if gpus and "jax" in sys.modules else "cpu"
