"""Trains an abstract model, and turns one against a sample; the part of the abstraction detector that needs JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import optax

from taskloom_anomaly.detectors.abstraction_model import Parameters, losses

Compiled = Callable[..., Any]


def _applied(parameters: Parameters, updates: Any) -> Parameters:  # noqa: ANN401 -- optax types any tree
    return {name: array + updates[name] for name, array in parameters.items()}


# Cached by its settings, so that a further fit in this process does not compile again.
@cache
def train_step(
    *, follow: bool, cosine: bool, learning_rate: float
) -> tuple[optax.GradientTransformation, Compiled]:
    """Return Adam, and the compiled step (parameters, memory, layers, logits, weights) -> (parameters, memory).

    The weights are one for a sample and zero for padding, so that a last, shorter batch does not compile anew.
    """
    adam = optax.adam(learning_rate)

    @jax.jit
    def step(
        parameters: Parameters,
        memory: optax.OptState,
        layers: list[jax.Array],
        logits: jax.Array,
        weights: jax.Array,
    ) -> tuple[Parameters, optax.OptState]:
        def total(inner: Parameters) -> jax.Array:
            each = sum(losses(inner, layers, logits, follow=follow, cosine=cosine, xp=jnp))
            # The mean over the samples: padding counts in neither sum.
            return (each * weights).sum() / weights.sum()

        updates, after = adam.update(jax.grad(total)(parameters), memory)
        return _applied(parameters, updates), after

    return adam, step


@cache
def adversary(*, cosine: bool, steps: int, rate: float, weight: float, chunk: int) -> Compiled:
    """Return the compiled function (parameters, trusted layers, trusted logits, layers, logits) -> losses by layer.

    For every sample by itself, the maps climb and the steps descend its loss, while the loss on the trusted samples is held
    at or below where it was: for a sample that the trusted ones resemble, the two cannot be told apart by the maps.
    """
    adam = optax.adam(rate)

    def one(
        parameters: Parameters,
        trusted: list[jax.Array],
        trusted_logits: jax.Array,
        layers: list[jax.Array],
        logits: jax.Array,
    ) -> jax.Array:
        def own(inner: Parameters) -> jax.Array:
            row = [layer[None] for layer in layers]
            return jnp.stack(
                [
                    x[0]
                    for x in losses(inner, row, logits[None], follow=False, cosine=cosine, xp=jnp)
                ]
            )

        def held(inner: Parameters) -> jax.Array:
            found = losses(inner, trusted, trusted_logits, follow=False, cosine=cosine, xp=jnp)
            return jnp.stack([x.mean() for x in found]).sum()

        # Trusted samples may get back to the loss that training left, but need not get below it.
        level = held(parameters)

        def descend(
            carry: tuple[Parameters, optax.OptState], _: None
        ) -> tuple[tuple[Parameters, optax.OptState], None]:
            inner, memory = carry
            slope = jax.grad(lambda p: own(p).sum())(inner)
            back = jax.grad(lambda p: weight * jnp.maximum(held(p) - level, 0.0))(inner)
            # Two players: no single loss has this direction as its gradient, so the parts are put together by hand.
            direction = {
                name: (-slope[name] if name.startswith("map") else slope[name]) + back[name]
                for name in slope
            }
            updates, memory = adam.update(direction, memory)
            return (_applied(inner, updates), memory), None

        (turned, _), _ = jax.lax.scan(
            descend, (parameters, adam.init(parameters)), None, length=steps
        )
        return own(turned)

    @jax.jit
    def every(
        parameters: Parameters,
        trusted: list[jax.Array],
        trusted_logits: jax.Array,
        layers: list[jax.Array],
        logits: jax.Array,
    ) -> jax.Array:
        # In chunks: all samples at once would hold as many copies of the parameters.
        return jax.lax.map(
            lambda sample: one(parameters, trusted, trusted_logits, sample[0], sample[1]),
            (layers, logits),
            batch_size=chunk,
        )

    return every
