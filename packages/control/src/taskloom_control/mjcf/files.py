"""Files of the shipped models, all made of primitives."""

from __future__ import annotations

from pathlib import Path


def model_path(name: str) -> Path:
    """Return the file of a shipped model."""
    return Path(__file__).with_name(f"{name}.xml")
