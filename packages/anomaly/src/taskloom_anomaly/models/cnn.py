"""The convolutional network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from taskloom.errors import ConfigError

from taskloom_anomaly.models.base import Model, Positive, require_torch


class CNN(Model):
    """Convolutional network.

    Convolutions of 3x3 with ReLU and 2x2 pooling, then fully connected layers; they are called conv_0, ..., dense_0, ..., logits.
    """

    kind: Literal["cnn"] = "cnn"
    channels: Annotated[tuple[Positive, ...], Field(min_length=1)] = (16, 32)
    """Channels of the convolutions."""
    dense_dims: tuple[Positive, ...] = (128,)
    """Widths of the fully connected layers."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module of the chosen framework.

        Raises:
            ConfigError: The samples are not images, or are too small to pool as often.
        """
        if len(input_shape) != 3:
            raise ConfigError(
                f"--model=cnn needs images of the shape (height, width, channels); the samples have the shape {input_shape}."
            )
        if min(input_shape[:2]) >> len(self.channels) < 1:
            raise ConfigError(
                f"--model.channels has {len(self.channels)} entries, and each halves the image: {input_shape[:2]} is too small."
            )
        widths = self.channels, self.dense_dims, num_outputs
        match self.backend:
            case "linen":
                from taskloom_anomaly.models.cnn_linen import LinenCnn  # flax is heavy

                return LinenCnn(*widths)
            case "nnx":
                from taskloom_anomaly.models.cnn_nnx import NnxCnn  # flax is heavy
                from taskloom_anomaly.models.mlp_nnx import seeded  # flax is heavy

                return NnxCnn(input_shape, *widths, rngs=seeded(seed))
            case "torch":
                require_torch()
                from taskloom_anomaly.models.cnn_torch import TorchCnn  # torch is heavy
                from taskloom_anomaly.models.mlp_torch import seeded_module  # torch is heavy

                return seeded_module(seed, lambda: TorchCnn(input_shape, *widths))
