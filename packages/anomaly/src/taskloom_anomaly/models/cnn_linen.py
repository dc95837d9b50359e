"""The convolutional network in flax linen."""

from __future__ import annotations

from collections.abc import Sequence

from flax import linen as nn
from jaxtyping import Array

from taskloom_anomaly.models.cnn_jax import convolve, max_pool_by_two
from taskloom_anomaly.models.mlp_linen import DenseBlock


class ConvBlock(nn.Module):
    """A 3x3 convolution, a ReLU and 2x2 max pooling."""

    channels: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `(n, h, w, c)` to `(n, h // 2, w // 2, channels)`."""
        conv = nn.Conv(self.channels, (3, 3), conv_general_dilated=convolve, name="conv")
        return max_pool_by_two(nn.relu(conv(x)))


class LinenCnn(nn.Module):
    """Convolutional network."""

    # The name that fingerprints of stored networks have; the class may move, the name stays.
    known_as = "taskloom_anomaly.models.linen.LinenCnn"

    channels: Sequence[int]
    dense_dims: Sequence[int]
    num_outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map images `(n, h, w, c)` to logits `(n, num_outputs)`."""
        for i, channels in enumerate(self.channels):
            x = ConvBlock(channels, name=f"conv_{i}")(x)
        x = x.reshape(len(x), -1)
        for i, width in enumerate(self.dense_dims):
            x = DenseBlock(width, name=f"dense_{i}")(x)
        return nn.Dense(self.num_outputs, name="logits")(x)
