"""Training of flax networks: one compiled scan per epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int, PyTree, Shaped

from taskloom_anomaly.backends.handle import Loss
from taskloom_anomaly.backends.jax_capture import Capture
from taskloom_anomaly.backends.schedule import DIVISOR, END, RISE
from taskloom_anomaly.backends.tree import flatten_tree, unflatten_like

if TYPE_CHECKING:
    from taskloom_anomaly.backends.jax_handle import JaxHandle
    from taskloom_anomaly.backends.jax_network import JaxNetwork


def _loss(logits: Array, targets: Array, loss: Loss) -> tuple[Array, Array]:
    """Mean loss and accuracy of a batch; of a regression, the share of the variance that is explained."""
    if loss == "squared":
        error = ((logits - targets) ** 2).mean()
        return error, 1 - error / (targets.var(axis=0).mean() + 1e-12)
    if loss == "binary":
        losses = optax.sigmoid_binary_cross_entropy(logits, targets.astype(logits.dtype))
        return losses.mean(), ((logits > 0) == (targets > 0.5)).mean()
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    return losses.mean(), (logits.argmax(-1) == targets).mean()


@partial(jax.jit, static_argnums=(0, 1, 2))
def _epoch(
    network: JaxNetwork,
    optimizer: optax.GradientTransformation,
    loss: Loss,
    carry: tuple[PyTree, PyTree, PyTree],
    data: tuple[Array, Array, Array],
    *,
    key: Array,
) -> tuple[tuple[PyTree, PyTree, PyTree], Array, Array]:
    inputs, targets, batches = data

    def step(
        state: tuple[PyTree, PyTree, PyTree], drawn: tuple[Array, Array]
    ) -> tuple[tuple[PyTree, PyTree, PyTree], tuple[Array, Array]]:
        parameters, buffers, moments = state
        rows, step_key = drawn

        def objective(p: PyTree) -> tuple[Array, tuple[Array, PyTree]]:
            nothing = Capture(frozenset())
            logits, after = network(
                p, buffers, inputs[rows], capture=nothing, training=True, key=step_key
            )
            value, accuracy = _loss(logits, targets[rows], loss)
            return value, (accuracy, after)

        (value, (accuracy, after)), gradient = jax.value_and_grad(objective, has_aux=True)(
            parameters
        )
        updates, moments = optimizer.update(gradient, moments, parameters)
        return (optax.apply_updates(parameters, updates), after, moments), (value, accuracy)

    carry, (values, accuracies) = jax.lax.scan(
        step, carry, (batches, jax.random.split(key, len(batches)))
    )
    return carry, values.mean(), accuracies.mean()


@lru_cache(maxsize=32)
def _optimizer(
    learning_rate: float, weight_decay: float, cycle: int = 0
) -> optax.GradientTransformation:
    # Kept, because a compiled epoch belongs to one optimizer object: a second run with the same settings compiles nothing.
    rate: Any = learning_rate
    if cycle:
        rate = optax.cosine_onecycle_schedule(cycle, learning_rate, RISE, DIVISOR, END)
    if weight_decay:
        return optax.adamw(rate, weight_decay=weight_decay)
    return optax.adam(rate)


class JaxTrainer:
    """Training in progress; implements `Trainer`.

    Args:
        handle: Where to start; never changed.
        learning_rate: Adam's step size.
        weight_decay: AdamW's decay; 0 is plain Adam.
        loss: What is minimised.
        seed: Seeds dropout.
    """

    def __init__(
        self, handle: JaxHandle, learning_rate: float, weight_decay: float, loss: Loss, seed: int
    ) -> None:
        self._handle = handle
        self._loss: Loss = loss
        self._seed = seed
        self._settings = learning_rate, weight_decay
        self._optimizer = _optimizer(learning_rate, weight_decay)
        variables = jax.tree.map(jnp.asarray, handle.variables)
        self._carry = (variables, handle.buffers, self._optimizer.init(variables))
        self._epochs = 0

    def one_cycle(self, steps: int) -> None:
        """Let the step size rise and fall once over so many steps."""
        variables, buffers, _ = self._carry
        self._optimizer = _optimizer(*self._settings, steps)
        self._carry = (variables, buffers, self._optimizer.init(variables))

    def run_epoch(
        self,
        inputs: Shaped[np.ndarray, "n ..."],
        targets: Shaped[np.ndarray, "n ..."],
        batches: Int[np.ndarray, "steps batch"],
    ) -> tuple[float, float]:
        """Take one step per row of `batches`."""
        key = jax.random.fold_in(jax.random.key(self._seed & 0xFFFFFFFF), self._epochs)
        self._carry, value, accuracy = _epoch(
            self._handle.network,
            self._optimizer,
            self._loss,
            self._carry,
            (jnp.asarray(inputs), jnp.asarray(targets), jnp.asarray(batches)),
            key=key,
        )
        self._epochs += 1
        return float(value), float(accuracy)

    def state(self) -> dict[str, np.ndarray]:
        """Parameters, buffers, moments and the number of epochs done."""
        return {**flatten_tree(self._carry), "epochs": np.asarray(self._epochs)}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to a state."""
        self._carry = unflatten_like(self._carry, state)
        self._epochs = int(state["epochs"])

    def model(self) -> JaxHandle:
        """The network as it is now."""
        return replace(self._handle, variables=self._carry[0], buffers=self._carry[1])
