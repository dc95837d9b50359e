"""Parts of the machine that count: the version of Python, and the kind of device that a run used."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from taskloom.system.machine import has_cuda

CPU, CUDA = "cpu", "cuda"
LIBRARIES = ("torch", "jax")


@dataclass(frozen=True, slots=True)
class GivenDevices:
    """Devices that a run of now is given.

    Attributes:
        gpus: How many.
        is_here: Whether it computes on this machine: what another one has is not known.
    """

    gpus: int
    is_here: bool = True


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
        return CUDA
    if torch is not None and torch.backends.mps.is_available():
        return "mps" if torch.mps.current_allocated_memory() else CPU
    return CUDA if gpus and "jax" in sys.modules else CPU


def device_seen() -> str:
    """Return the kind of device that the libraries of this process could use; empty where none of them is loaded."""
    if not any(name in sys.modules for name in LIBRARIES):
        return ""
    return CUDA if has_cuda() else CPU


def device_now(device: str, could: str, gpus: int, now: GivenDevices | None) -> str:
    """Return the kind of device that the program of a run would use now.

    A run is given devices, and a task may look for one by itself: then what the machine has decides.

    Args:
        device: The kind that the run used.
        could: The kind that its libraries could have used; empty if no device matters to them.
        gpus: Number of GPUs that the run was given.
        now: What a run of now is given; as much as that run by default.
    """
    placed = now or GivenDevices(gpus)
    if bool(placed.gpus) != bool(gpus) and could:
        return CUDA if placed.gpus else CPU
    if not placed.is_here or placed.gpus:
        return device
    if device == CUDA and not has_cuda():
        return CPU
    # Where there was a device and the run used none, it uses none here either.
    return CUDA if device == CPU and could == CPU and has_cuda() else device
