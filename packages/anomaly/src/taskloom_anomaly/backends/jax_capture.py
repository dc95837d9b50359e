"""Inputs and outputs of the modules of a flax network, by the names that torch networks have, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    Attributes:
        seen: Arrays by name, in the order in which they came to be.
        kinds: The class of each module by path.
        finished: Paths of the modules that returned, in that order.
        age: How many modules had returned when an array came to be.
        hidden: The reason why an array cannot be kept, by name.
    """

    def __init__(self, wanted: frozenset[str] | None) -> None:
        self._wanted = wanted
        self._calls: Counter[str] = Counter()
        self._trace: object = None
        self.seen: dict[str, jax.Array] = {}
        self.kinds: dict[str, str] = {}
        self.finished: list[str] = []
        self.age: dict[str, int] = {}
        self.hidden: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """True if anything is kept."""
        return self._wanted is None or bool(self._wanted)

    def begin(self, inputs: Any) -> None:  # noqa: ANN401 -- an array, or arrays by name
        """Note the trace that the pass belongs to: what a scan or a checkpoint computes inside cannot leave it."""
        self._trace = getattr(jax.tree.leaves(inputs)[0], "_trace", None)

    def enter(self, path: str, module: object, given: list[Any]) -> CallPlace:
        """Count a call of a module, keep what enters it, and return its place."""
        self._calls[path] += 1
        self.kinds[path] = type(module).__qualname__
        place = CallPlace(path, self._calls[path])
        self._keep(place._replace(entering=True), given)
        return place

    def leave(self, place: CallPlace, output: Any) -> None:  # noqa: ANN401 -- modules may return anything
        """Keep what a call returned."""
        self.finished.append(place.path)
        self._keep(place, output)

    def _keep(self, place: CallPlace, value: Any) -> None:  # noqa: ANN401 -- modules take and return anything
        for suffix, array in parts_of(value, is_floating):
            name = place.name + suffix
            if self._wanted is not None and name not in self._wanted:
                continue
            # A constant has no trace.
            if getattr(array, "_trace", self._trace) is not self._trace:
                self.hidden[name] = _INSIDE
                continue
            self.seen[name] = array
            self.age[name] = len(self.finished)


_INSIDE = (
    "it is computed inside of a transformation of JAX, such as scan or jit, and cannot leave it"
)


@contextmanager
def without_checkpoints() -> Iterator[None]:
    """Call functions under `jax.checkpoint` as they are while the context lasts: without a backward pass it changes nothing.

    What a checkpointed block computes could not leave it otherwise, and in large networks that is every block of the trunk. Flax
    looks the name up at each call; a trace of another thread that comes by saves no memory, and computes the same.
    """
    kept = jax.checkpoint, jax.remat

    def plain(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:  # noqa: ANN401 -- of jax.checkpoint
        del options
        return function

    try:
        setattr(jax, "checkpoint", plain)  # noqa: B010 -- mypy forbids assigning to a function
        setattr(jax, "remat", plain)  # noqa: B010 -- as above
        yield
    finally:
        setattr(jax, "checkpoint", kept[0])  # noqa: B010 -- as above
        setattr(jax, "remat", kept[1])  # noqa: B010 -- as above


def first_output(output: Any) -> Any:  # noqa: ANN401 -- modules take and return anything
    """Return the logits field, or the first floating array, of what a network returns."""
    if isinstance(output, dict) and "logits" in output:
        return output["logits"]
    return next((array for _, array in parts_of(output, is_floating)), output)
