"""The multilayer perceptron in flax nnx, with the names and shapes that it has in linen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
from flax import nnx
from jaxtyping import Array


def seeded(seed: int) -> nnx.Rngs:
    """Return the generators of a seed."""
    return nnx.Rngs(seed & 0xFFFFFFFF)


class NnxDenseBlock(nnx.Module):
    """A linear map and a ReLU."""

    def __init__(self, num_inputs: int, width: int, *, rngs: nnx.Rngs) -> None:
        self.linear = nnx.Linear(num_inputs, width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """Map `(n, d)` to `(n, width)`."""
        return jax.nn.relu(self.linear(x))


class NnxMlp(nnx.Module):
    """Multilayer perceptron over the flattened sample."""

    # The name that fingerprints of stored networks have; the class may move, the name stays.
    known_as = "taskloom_anomaly.models.nnx.NnxMlp"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden_dims: Sequence[int],
        num_outputs: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        widths = [math.prod(input_shape), *hidden_dims]
        self.depth = len(hidden_dims)
        for i in range(self.depth):
            setattr(self, f"dense_{i}", NnxDenseBlock(widths[i], widths[i + 1], rngs=rngs))
        self.logits = nnx.Linear(widths[-1], num_outputs, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """Map `(n, ...)` to logits `(n, num_outputs)`."""
        x = x.reshape(len(x), -1)
        for i in range(self.depth):
            x = getattr(self, f"dense_{i}")(x)
        return self.logits(x)
