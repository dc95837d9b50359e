"""A flax network as a pure function, and what is compiled of it: the forward pass and gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from taskloom_anomaly.backends.jax_capture import Capture, without_checkpoints
from taskloom_anomaly.backends.told import tell_cast
from taskloom_anomaly.data.named import Inputs, NamedArrays, arguments_of


class JaxNetwork(Protocol):
    """A network as a pure function of its parameters."""

    @property
    def code(self) -> str:
        """Text that changes when the network's code or hyper-parameters change."""
        ...

    def tree(self, parameters: PyTree, buffers: PyTree) -> PyTree:
        """Return both in the form that the framework calls parameters."""
        ...

    def __call__(
        self,
        parameters: PyTree,
        buffers: PyTree,
        inputs: PyTree,
        *,
        capture: Capture,
        training: bool,
        key: Array,
    ) -> tuple[Array, PyTree]:
        """Return logits and the buffers after the pass; what `capture` wants of the modules is in it then."""
        ...


def evaluated(
    network: JaxNetwork, parameters: PyTree, buffers: PyTree, inputs: PyTree, capture: Capture
) -> Array:
    """Return the network's output in evaluation mode; what `capture` wants is in it then."""
    with without_checkpoints() if capture.is_open else nullcontext():
        output, _ = network(
            parameters, buffers, inputs, capture=capture, training=False, key=jax.random.key(0)
        )
    return output


@partial(jax.jit, static_argnums=(0,), static_argnames=("layers", "logits"))
def forward_pass(
    network: JaxNetwork,
    parameters: PyTree,
    buffers: PyTree,
    inputs: PyTree,
    *,
    layers: tuple[str, ...],
    logits: bool,
) -> tuple[Array, dict[str, Array]]:
    """Return the output, without columns where it is not asked for, and the activations of some layers."""
    capture = Capture(frozenset(layers))
    output = evaluated(network, parameters, buffers, inputs, capture)
    # What is not returned is dead code to XLA: leaving the logits out ends the pass at the last watched layer.
    return (output if logits else jnp.zeros((count_of(inputs), 0))), capture.seen


# It runs a few times on five samples, so LLVM need not try hard (half of the time).
@partial(jax.jit, static_argnums=(0,), compiler_options={"xla_backend_optimization_level": 0})
def all_activations(
    network: JaxNetwork, parameters: PyTree, buffers: PyTree, inputs: PyTree
) -> dict[str, Array]:
    """Return every activation that has a name."""
    capture = Capture(None)
    evaluated(network, parameters, buffers, inputs, capture)
    return capture.seen


@partial(jax.jit, static_argnums=(0,))
def input_gradient(
    network: JaxNetwork, parameters: PyTree, buffers: PyTree, inputs: Array, labels: Array
) -> tuple[Array, Array]:
    """Return the gradient of each sample's cross entropy with respect to its input, and the cross entropies."""

    def total(batch: Array) -> tuple[Array, Array]:
        logits = evaluated(network, parameters, buffers, batch, Capture(frozenset()))
        losses = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]
        return losses.sum(), losses

    gradient, losses = jax.grad(total, has_aux=True)(inputs)
    return gradient, losses


@partial(jax.jit, static_argnums=(0,))
def loss_gradient(
    network: JaxNetwork, parameters: PyTree, buffers: PyTree, inputs: Array, labels: Array
) -> tuple[Array, PyTree]:
    """Return the mean cross entropy and its gradient by parameter."""

    def mean_loss(p: PyTree) -> Array:
        logits = evaluated(network, p, buffers, inputs, Capture(frozenset()))
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()

    return jax.value_and_grad(mean_loss)(parameters)


def tree_of(inputs: Inputs) -> PyTree:
    """Return inputs as JAX takes them: an array, or a dictionary of arrays."""
    return dict(inputs.arrays) if isinstance(inputs, NamedArrays) else inputs


def count_of(inputs: PyTree) -> int:
    """Return the number of samples in the arrays of a batch."""
    return len(jax.tree.leaves(inputs)[0])


def call_with(
    call: Callable[..., Any],
    inputs: PyTree,
    signature: Callable[..., Any],
    **flags: Any,  # noqa: ANN401 -- of any module
) -> Any:  # noqa: ANN401 -- modules return anything
    """Call a module with an array, or with a dictionary by position and by keyword.

    Args:
        call: The call.
        inputs: An array, or arrays by name.
        signature: The function whose parameters say which masks it takes.
        **flags: Further keywords.
    """
    if not isinstance(inputs, Mapping):
        return call(inputs, **flags)
    found = inspect.signature(signature).parameters.values()
    is_open = any(p.kind is p.VAR_KEYWORD for p in found)
    places, named = arguments_of(inputs, None if is_open else {p.name for p in found})
    return call(*places, **named, **flags)


def padded(inputs: Inputs) -> PyTree:
    """Return the arrays of a batch with zeros appended up to a power of two, so that few shapes are compiled."""
    n = len(inputs)
    size = 1 << max(n - 1, 0).bit_length()

    def longer(array: np.ndarray) -> np.ndarray:
        own = jax.dtypes.canonicalize_dtype(array.dtype)
        if array.dtype.kind == "f" and own != array.dtype:
            tell_cast(array.dtype.name, own.name)
        if size == n:
            return array
        return np.concatenate([array, np.zeros((size - n, *array.shape[1:]), array.dtype)])

    return jax.tree.map(longer, tree_of(inputs))


def as_array(array: Array) -> np.ndarray:
    """Return an array of JAX as one of numpy; half precision becomes float32, in which all its values are exact."""
    if array.dtype in (jnp.bfloat16, jnp.float16):
        array = array.astype(jnp.float32)
    return np.asarray(array)
