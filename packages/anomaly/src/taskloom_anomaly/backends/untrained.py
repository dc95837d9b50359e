"""Test of whether a network was ever trained, from the values of its parameters.

A network that arrives with its own weights may have been trained or only built. Building leaves traces that no optimizer leaves:
biases of exactly 0 and scales of exactly 1, or, as torch draws linear maps and convolutions, weights and biases that all lie
within 1 / sqrt(inputs).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np


def is_untrained(parameters: Mapping[str, np.ndarray], *, outputs_first: bool) -> bool:
    """Return whether all parameters are as a fresh network has them; False where none of them tells.

    Args:
        parameters: Arrays by dotted path.
        outputs_first: Whether a weight's first axis is that of its outputs, as in torch.
    """
    modules: dict[str, list[np.ndarray]] = defaultdict(list)
    for name, value in parameters.items():
        if value.dtype.kind == "f" and value.size and not name.startswith("buffers:"):
            modules[name.rpartition(".")[0]].append(value)
    told = [_module_tells(values, outputs_first) for values in modules.values()]
    return any(told) and all(answer is not False for answer in told)


def _module_tells(values: list[np.ndarray], outputs_first: bool) -> bool | None:
    """Return True for a module as it was built, False for one that was changed, None for one that does not tell."""
    lines = [value for value in values if value.ndim == 1]
    weights = [value for value in values if value.ndim > 1]
    if lines and all((line == line[0]).all() and line[0] in (0.0, 1.0) for line in lines):
        return True
    if not weights:
        return False if lines else None
    bound = max(1 / math.sqrt(_num_inputs(weight, outputs_first)) for weight in weights)
    within = all(np.abs(value).max() <= bound * (1 + 1e-6) for value in values)
    if lines:
        return within
    # A weight alone may be small after training, too: only a bound that is touched is one.
    touched = max(np.abs(weight).max() for weight in weights) >= 0.9 * bound
    return True if within and touched else None


def _num_inputs(weight: np.ndarray, outputs_first: bool) -> int:
    return math.prod(weight.shape[1:] if outputs_first else weight.shape[:-1])
