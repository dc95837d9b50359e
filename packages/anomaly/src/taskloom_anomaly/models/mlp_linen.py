"""The multilayer perceptron in flax linen."""

from __future__ import annotations

from collections.abc import Sequence

from flax import linen as nn
from jaxtyping import Array


class DenseBlock(nn.Module):
    """A linear map and a ReLU, which are one layer to a detector."""

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `(n, d)` to `(n, width)`."""
        return nn.relu(nn.Dense(self.width, name="linear")(x))


class LinenMlp(nn.Module):
    """Multilayer perceptron over the flattened sample."""

    # The name that fingerprints of stored networks have; the class may move, the name stays.
    known_as = "taskloom_anomaly.models.linen.LinenMlp"

    hidden_dims: Sequence[int]
    num_outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `(n, ...)` to logits `(n, num_outputs)`."""
        x = x.reshape(len(x), -1)
        for i, width in enumerate(self.hidden_dims):
            x = DenseBlock(width, name=f"dense_{i}")(x)
        return nn.Dense(self.num_outputs, name="logits")(x)
