"""The same weights in another framework: names and axes of flax parameters and torch state dictionaries."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def to_torch(parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return flax parameters under torch's names and in torch's axes.

    A `kernel` is a `weight` with the outputs first: `(in, out)` becomes `(out, in)`, `(h, w, in, out)` becomes
    `(out, in, h, w)`. A normalisation's `scale` and an `embedding` are called `weight` too.
    """
    converted = {}
    for name, value in parameters.items():
        folder, _, leaf = name.rpartition(".")
        match leaf:
            case "kernel":
                # Outputs and inputs are flax's last two axes and torch's first two.
                axes = (value.ndim - 1, value.ndim - 2, *range(value.ndim - 2))
                converted[f"{folder}.weight"] = np.ascontiguousarray(value.transpose(axes))
            case "scale" | "embedding":
                converted[f"{folder}.weight"] = value
            case _:
                converted[name] = value
    return converted


def to_flax(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a torch state dictionary of linear maps and convolutions under flax's names and in flax's axes."""
    converted = {}
    for name, value in state.items():
        folder, _, leaf = name.rpartition(".")
        if leaf == "weight" and value.ndim >= 2:
            axes = (*range(2, value.ndim), 1, 0)
            converted[f"{folder}.kernel"] = np.ascontiguousarray(value.transpose(axes))
        elif leaf == "weight":
            converted[f"{folder}.scale"] = value
        else:
            converted[name] = value
    return converted
