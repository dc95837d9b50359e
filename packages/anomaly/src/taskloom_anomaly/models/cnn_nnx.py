"""The convolutional network in flax nnx, with the names and shapes that it has in linen."""

from __future__ import annotations

from collections.abc import Sequence

import jax
from flax import nnx
from jaxtyping import Array

from taskloom_anomaly.models.cnn_jax import convolve, max_pool_by_two
from taskloom_anomaly.models.mlp_nnx import NnxDenseBlock


class NnxConvBlock(nnx.Module):
    """A 3x3 convolution, a ReLU and 2x2 max pooling."""

    def __init__(self, num_inputs: int, channels: int, *, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(num_inputs, channels, (3, 3), conv_general_dilated=convolve, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """Map `(n, h, w, c)` to `(n, h // 2, w // 2, channels)`."""
        return max_pool_by_two(jax.nn.relu(self.conv(x)))


class NnxCnn(nnx.Module):
    """Convolutional network."""

    # The name that fingerprints of stored networks have; the class may move, the name stays.
    known_as = "taskloom_anomaly.models.nnx.NnxCnn"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        channels: Sequence[int],
        dense_dims: Sequence[int],
        num_outputs: int,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        height, width, inputs = input_shape
        self.num_convs, self.depth = len(channels), len(dense_dims)
        for i, outputs in enumerate(channels):
            setattr(self, f"conv_{i}", NnxConvBlock(inputs, outputs, rngs=rngs))
            height, width, inputs = height // 2, width // 2, outputs
        widths = [height * width * inputs, *dense_dims]
        for i in range(self.depth):
            setattr(self, f"dense_{i}", NnxDenseBlock(widths[i], widths[i + 1], rngs=rngs))
        self.logits = nnx.Linear(widths[-1], num_outputs, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """Map images `(n, h, w, c)` to logits `(n, num_outputs)`."""
        for i in range(self.num_convs):
            x = getattr(self, f"conv_{i}")(x)
        x = x.reshape(len(x), -1)
        for i in range(self.depth):
            x = getattr(self, f"dense_{i}")(x)
        return self.logits(x)
