"""The word for arrays of any namespace."""

from __future__ import annotations

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""A NumPy array or a JAX array; its namespace is `array.__array_namespace__()`. No common type exists to name here."""
