"""From whatever `build_model` returned to a handle."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.handle import Head, ModelHandle, ReadAs
from taskloom_anomaly.backends.layers import flat_layers
from taskloom_anomaly.backends.probe_inputs import five
from taskloom_anomaly.backends.untrained import is_untrained
from taskloom_anomaly.data.named import Inputs

if TYPE_CHECKING:
    from jaxtyping import Float, PyTree


class RandomParametersWarning(UserWarning):
    """`build_params` returned None: the network computes nothing that was ever learned."""


def as_handle(
    model: object,
    parameters: PyTree | None,
    example: Inputs,
    *,
    seed: int = 0,
    warn: bool = True,
    reading: ReadAs = ReadAs(),  # noqa: B008 -- frozen
) -> ModelHandle:
    """Return the handle of a linen, nnx or torch module, or the handle itself.

    Args:
        model: What `build_model` returned.
        parameters: What `build_params` returned; None means those that the module has, or, of linen, random ones.
        example: One input or more; with five, evidence about the layers is found on samples of the user's own.
        seed: Seeds the initialisation of linen modules; nnx and torch modules arrive with parameters.
        warn: Whether to warn of random parameters.
        reading: What the user says about axes and logits.

    Raises:
        ConfigError: The model is of no known kind, or the parameters do not fit.
    """
    if isinstance(model, ModelHandle):
        handle = model if parameters is None else model.with_parameters(parameters)
        read: Any = getattr(handle, "reading", None)
        if reading == ReadAs():
            return handle
        if read is None:
            raise ConfigError("--axes and --logits are for networks; a ModelHandle knows its own.")
        own: ModelHandle = read(reading)
        return own
    handle = _wrap(model, parameters, example, seed, reading)
    if parameters is None and warn and has_random_parameters(model, handle):
        warnings.warn(
            "build_params returned None: the network has RANDOM parameters, so no score says anything about a"
            " trained network.",
            RandomParametersWarning,
            stacklevel=2,
        )
    return handle


def has_random_parameters(model: object, handle: ModelHandle) -> bool:
    """Return whether a network that came without parameters has never been trained.

    A linen module has none of its own; a torch or nnx module arrives with weights, which tell.
    """
    if isinstance(model, ModelHandle):
        return False
    if _is_of(model, "flax.linen", "Module"):
        return True
    return is_untrained(handle.parameters(), outputs_first=_is_of(model, "torch.nn", "Module"))


def _is_of(model: object, module: str, name: str) -> bool:
    """Return whether an object is of a class of a framework, which cannot be unless the framework has been imported."""
    found = sys.modules.get(module)
    return found is not None and isinstance(model, getattr(found, name))


def _wrap(
    model: Any,  # noqa: ANN401 -- of any framework
    parameters: Any,  # noqa: ANN401 -- of any framework
    example: Inputs,
    seed: int,
    reading: ReadAs,
) -> ModelHandle:
    if _is_of(model, "torch.nn", "Module"):
        from taskloom_anomaly.backends.torch_handle import torch_handle  # torch is heavy

        return torch_handle(model, parameters, example, reading)  # pyright: ignore[reportReturnType]  # a cached property is a property
    few = five(example)
    if _is_of(model, "flax.linen", "Module"):
        from taskloom_anomaly.backends.linen import linen_handle  # flax is heavy

        return linen_handle(model, parameters, few, seed).reading(reading)  # pyright: ignore[reportReturnType]  # a cached property is a property
    if _is_of(model, "flax.nnx", "Module"):
        from taskloom_anomaly.backends.nnx import nnx_handle  # flax is heavy

        return nnx_handle(model, parameters, few).reading(reading)  # pyright: ignore[reportReturnType]  # a cached property is a property
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
    classes = handle.num_outputs
    if not classes:
        return None
    # `dense_1` and `logits@in` are the same array; the name that is watched by default wins.
    layers = sorted(flat_layers(handle), key=lambda name: name in handle.default_layers)
    run = handle.forward(inputs, layers)
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
