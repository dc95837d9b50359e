"""The network of Mirror, and its training. Imported only when the task runs: flax and jax are heavy."""

from typing import Any

import jax
import numpy as np
import optax
from flax import linen as nn


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
    optimizer = optax.adam(1e-2)
    targets = 2.0 * labels[:, None] - 1.0

    @jax.jit
    def step(params: Any, state: Any) -> tuple[Any, Any]:
        gradient = jax.grad(lambda p: ((network.apply(p, inputs) - targets) ** 2).mean())(params)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state

    params = network.init(jax.random.key(seed), inputs[:1])
    state = optimizer.init(params)
    for _ in range(200):
        params, state = step(params, state)
    return params
