"""Builds the configured network in the configured framework; imports that framework only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    # Type-only: the configs import this module lazily, it imports them for annotations.
    from taskloom_anomaly.models.config import Cnn, Mlp, Transformer


def build_mlp(config: Mlp, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
    """Return the multilayer perceptron in the configured framework."""
    match config.backend:
        case "linen":
            from taskloom_anomaly.models.linen import LinenMlp

            return LinenMlp(config.hidden_dims, num_outputs)
        case "nnx":
            from taskloom_anomaly.models.nnx import NnxMlp, seeded

            return NnxMlp(input_shape, config.hidden_dims, num_outputs, rngs=seeded(seed))
        case "torch":
            require_torch()
            from taskloom_anomaly.models.torch import TorchMlp, seeded_module

            return seeded_module(
                seed, lambda: TorchMlp(input_shape, config.hidden_dims, num_outputs)
            )


def build_cnn(config: Cnn, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
    """Return the convolutional network in the configured framework.

    Raises:
        ConfigError: The samples are not images, or are too small to pool as often.
    """
    if len(input_shape) != 3:
        raise ConfigError(
            f"--model=cnn needs images of the shape (height, width, channels); the samples have the shape {input_shape}."
        )
    if min(input_shape[:2]) >> len(config.channels) < 1:
        raise ConfigError(
            f"--model.channels has {len(config.channels)} entries, and each halves the image: {input_shape[:2]} is too small."
        )
    match config.backend:
        case "linen":
            from taskloom_anomaly.models.linen import LinenCnn

            return LinenCnn(config.channels, config.dense_dims, num_outputs)
        case "nnx":
            from taskloom_anomaly.models.nnx import NnxCnn, seeded

            return NnxCnn(
                input_shape, config.channels, config.dense_dims, num_outputs, rngs=seeded(seed)
            )
        case "torch":
            require_torch()
            from taskloom_anomaly.models.torch import TorchCnn, seeded_module

            return seeded_module(
                seed, lambda: TorchCnn(input_shape, config.channels, config.dense_dims, num_outputs)
            )


def build_transformer(
    config: Transformer, input_shape: tuple[int, ...], num_outputs: int
) -> object:
    """Return the transformer.

    Raises:
        ConfigError: The samples are no token sequences, the heads do not divide the width, or the framework has none.
    """
    if config.backend != "linen":
        raise ConfigError(
            f"--model.backend={config.backend}: the transformer is written in flax linen only."
        )
    if len(input_shape) != 1 or config.vocabulary < 1:
        raise ConfigError(
            f"--model=transformer needs token sequences; the samples have the shape {input_shape}."
        )
    if config.width % config.num_heads:
        raise ConfigError(
            f"--model.num_heads={config.num_heads} does not divide --model.width={config.width}."
        )
    from taskloom_anomaly.models.transformer import LinenTransformer

    return LinenTransformer(
        config.vocabulary, config.width, config.num_layers, config.num_heads, num_outputs
    )


def require_torch() -> None:
    """Raise one clear sentence when torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise MissingExtraError(
            "A torch model needs torch, which is not installed.",
            hint="pip install 'taskloom-anomaly[torch]'",
        )
