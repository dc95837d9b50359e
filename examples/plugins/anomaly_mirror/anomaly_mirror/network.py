"""The network of Mirror, and its training. Imported only when the task runs: flax and jax are heavy."""

from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from flax import linen as nn

OPTIMIZER = optax.adam(1e-2)


class Network(nn.Module):
    """Two hidden layers and one output; the sign of the output is the class."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Map inputs of shape (n, 2) to outputs of shape (n, 1)."""
        hidden = nn.relu(nn.Dense(32, name="first")(inputs))
        hidden = nn.relu(nn.Dense(16, name="second")(hidden))
        return nn.Dense(1, name="output")(hidden)


def trained(network: nn.Module, inputs: np.ndarray, labels: np.ndarray, seed: int) -> Any:
    """Return parameters after 200 steps of Adam on the squared error, over all samples at once."""
    return _fitted(network, jax.random.key(seed), inputs, 2.0 * labels[:, None] - 1.0)


# Compiled once for inputs of one shape, however often it is called, and the whole loop at once.
@partial(jax.jit, static_argnums=0)
def _fitted(network: nn.Module, key: jax.Array, inputs: jax.Array, targets: jax.Array) -> Any:
    def loss(params: Any) -> jax.Array:
        return ((network.apply(params, inputs) - targets) ** 2).mean()

    def step(_: int, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        params, state = carry
        updates, state = OPTIMIZER.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    start = network.init(key, inputs[:1])
    params, _ = jax.lax.fori_loop(0, 200, step, (start, OPTIMIZER.init(start)))
    return params
