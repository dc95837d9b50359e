"""Networks as configs: what `--model=mlp --model.hidden_dims=256,256` sets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from taskloom.config import Component


class Model(Component):
    """Base of the networks: `build(input_shape, num_outputs, seed)` returns a module of the chosen backend."""

    backend: Literal["linen", "nnx", "torch"] = "linen"
    """Framework that the network is written in; torch needs the extra `taskloom-anomaly[torch]`."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module.

        Args:
            input_shape: Shape of one sample, channels last.
            num_outputs: Width of the logits.
            seed: Seeds the initialisation where the module holds its own parameters (nnx, torch).
        """
        raise NotImplementedError


class Mlp(Model):
    """Fully connected network with ReLU: the seed system's default."""

    kind: Literal["mlp"] = "mlp"
    hidden_dims: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (
        256,
        256,
    )
    """Widths of the hidden layers."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module; the layers are called dense_0, dense_1, ..., logits."""
        from taskloom_anomaly.models.build import build_mlp

        return build_mlp(self, input_shape, num_outputs, seed)


class Cnn(Model):
    """Convolutions of 3x3 with ReLU and 2x2 pooling, then fully connected layers."""

    kind: Literal["cnn"] = "cnn"
    channels: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (16, 32)
    """Channels of the convolutions."""
    dense_dims: tuple[Annotated[int, Field(gt=0)], ...] = (128,)
    """Widths of the fully connected layers."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module; the layers are called conv_0, ..., dense_0, ..., logits."""
        from taskloom_anomaly.models.build import build_cnn

        return build_cnn(self, input_shape, num_outputs, seed)


class Transformer(Model):
    """Small pre-norm transformer over tokens that answers at the last one; flax linen only."""

    kind: Literal["transformer"] = "transformer"
    width: Annotated[int, Field(gt=0)] = 64
    """Width of the residual stream."""
    num_layers: Annotated[int, Field(gt=0)] = 2
    """Blocks."""
    num_heads: Annotated[int, Field(gt=0)] = 4
    """Attention heads; must divide the width."""
    vocabulary: Annotated[int, Field(ge=0)] = 0
    """Number of tokens; 0 lets the task say."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module; the layers are called embed, block_0, ..., final_norm, logits."""
        from taskloom_anomaly.models.build import build_transformer

        return build_transformer(self, input_shape, num_outputs)
