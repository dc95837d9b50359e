"""From whatever `build_model` returned to a handle."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.handle import Head, ModelHandle

if TYPE_CHECKING:
    from jaxtyping import Float, PyTree, Shaped


class RandomParametersWarning(UserWarning):
    """`build_params` returned None: the network computes nothing that was ever learned."""


def as_handle(
    model: object,
    parameters: PyTree | None,
    example: Shaped[np.ndarray, "1 ..."],
    *,
    seed: int = 0,
    warn: bool = True,
) -> ModelHandle:
    """Return the handle of a linen, nnx or torch module, or the handle itself.

    Args:
        model: What `build_model` returned.
        parameters: What `build_params` returned; None means random initialisation.
        example: One input.
        seed: Seeds the initialisation of linen modules; nnx and torch modules arrive with parameters.
        warn: Whether to warn of random parameters.

    Raises:
        ConfigError: The model is of no known kind, or the parameters do not fit.
    """
    if isinstance(model, ModelHandle):
        return model if parameters is None else model.with_parameters(parameters)
    if parameters is None and warn:
        warnings.warn(
            "build_params returned None: the network has RANDOM parameters, so no score says anything about a"
            " trained network.",
            RandomParametersWarning,
            stacklevel=2,
        )
    return _wrap(model, parameters, example, seed)


def _wrap(model: Any, parameters: Any, example: np.ndarray, seed: int) -> ModelHandle:  # noqa: ANN401
    # A torch module cannot be there unless torch has been imported already; other runs must not pay for it.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from taskloom_anomaly.backends.torch_handle import torch_handle

        return torch_handle(model, parameters, example)
    linen = sys.modules.get("flax.linen")
    if linen is not None and isinstance(model, linen.Module):
        from taskloom_anomaly.backends.linen import linen_handle

        return linen_handle(model, parameters, example, seed)
    nnx = sys.modules.get("flax.nnx")
    if nnx is not None and isinstance(model, nnx.Module):
        from taskloom_anomaly.backends.nnx import nnx_handle

        return nnx_handle(model, parameters, example)
    raise ConfigError(
        f"build_model returned a {type(model).__name__}; a flax.linen.Module, a flax.nnx.Module, a torch.nn.Module"
        " or a ModelHandle is needed."
    )


def find_head(handle: ModelHandle, inputs: Float[np.ndarray, "n ..."]) -> Head | None:
    """Return the last linear layer, found by what it computes: `logits = features @ weights.T + bias`.

    Asking what a parameter does, not what it is called, works for every framework and naming.

    Args:
        handle: The network.
        inputs: A few samples to test candidates on.
    """
    flat = [name for name, info in handle.layers.items() if len(info.shape) == 1]
    # `dense_1` and `logits.input` are the same array; the name that is watched by default wins.
    layers = sorted(flat, key=lambda name: name in handle.default_layers)
    run = handle.forward(inputs, layers)
    classes = handle.num_outputs
    parameters = handle.parameters()
    biases = [v for v in parameters.values() if v.shape == (classes,)] or [
        np.zeros(classes, np.float32)
    ]
    scale = 1e-3 * (np.abs(run.logits).max() + 1e-6)
    for matrix in reversed(list(parameters.values())):
        for weights in _as_head(matrix, classes):
            for name in reversed(layers):
                features = run.activations[name]
                if features.shape[1] != weights.shape[1]:
                    continue
                rest = run.logits - features @ weights.T
                for bias in biases:
                    if np.abs(rest - bias).max() <= scale:
                        return Head(name, weights, bias)
    return None


def _as_head(matrix: np.ndarray, classes: int) -> list[np.ndarray]:
    """The readings of a matrix as `(classes, d)`: torch stores it so, flax transposed."""
    if matrix.ndim != 2:
        return []
    return ([matrix] if matrix.shape[0] == classes else []) + (
        [matrix.T] if matrix.shape[1] == classes else []
    )
