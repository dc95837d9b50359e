"""Inputs and outputs of the modules of a flax network, by the names that torch networks have, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any

import jax
import jax.numpy as jnp

from taskloom_anomaly.backends.names import CallPlace, parts_of


def is_floating(value: object) -> bool:
    """Return whether a value is a floating array with an axis of samples and one more."""
    return (
        isinstance(value, jax.Array)
        and jnp.issubdtype(value.dtype, jnp.floating)
        and value.ndim >= 2
    )


class Capture:
    """The arrays of one pass.

    Args:
        wanted: Names that are kept; None keeps all.
    """

    def __init__(self, wanted: Container[str] | None) -> None:
        self._wanted = wanted
        self._calls: Counter[str] = Counter()
        self.seen: dict[str, jax.Array] = {}
        self.kinds: dict[str, str] = {}

    def enter(self, path: str, module: object, given: list[Any]) -> CallPlace:
        """Count a call of a module, keep what enters it, and return its place."""
        self._calls[path] += 1
        self.kinds[path] = type(module).__qualname__
        place = CallPlace(path, self._calls[path])
        self._keep(place._replace(entering=True), given)
        return place

    def leave(self, place: CallPlace, output: Any) -> None:  # noqa: ANN401 -- modules may return anything
        """Keep what a call returned."""
        self._keep(place, output)

    def _keep(self, place: CallPlace, value: Any) -> None:  # noqa: ANN401 -- modules take and return anything
        for suffix, array in parts_of(value, is_floating):
            name = place.name + suffix
            if self._wanted is None or name in self._wanted:
                self.seen[name] = array


def first_output(output: Any) -> Any:  # noqa: ANN401 -- modules take and return anything
    """Return the logits field, or the first floating array, of what a network returns."""
    if isinstance(output, dict) and "logits" in output:
        return output["logits"]
    return next((array for _, array in parts_of(output, is_floating)), output)
