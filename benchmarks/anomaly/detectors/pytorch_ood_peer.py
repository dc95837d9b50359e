"""The detectors of pytorch-ood, beside a torch that torchvision was not built for.

Needs pytorch-ood and torchvision, both installed without their dependencies, in an environment of its own.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import torch


def declare_torchvision_operators() -> None:
    """Declare the operators that torchvision's import looks up and a CPU build does not have."""
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "_meta_registrations.py").read_text(encoding="utf-8")
    library = torch.library.Library("torchvision", "DEF")
    used = re.findall(r'(?:register_meta\(\s*"|torchvision::)(\w+)"', source)
    for name in sorted({*used, "nms"}):
        library.define(f"{name}(Tensor x) -> Tensor")
    globals()["_library"] = library  # torch forgets the operators with their library


declare_torchvision_operators()
from pytorch_ood import detector as peer  # noqa: E402 -- only once the operators are declared

__all__ = ["peer"]
