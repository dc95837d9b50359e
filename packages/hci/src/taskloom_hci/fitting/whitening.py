"""Coordinates in which the members of a population are nearly independent normal numbers, so that a sampler takes few steps.

The likelihood of person i is nearly a normal curve around its top, `log L_i(z) ~ b_i z - z' A_i z / 2`, so given the mean
and the deviation of the population z_i is nearly normal with

    precision A_i + 1/sigma^2  and mean  (A_i + 1/sigma^2)^-1 (b_i + mu / sigma^2)

A person is sampled as u_i, the standardised distance from that mean. Who is known well (large A) is so written in the
centred form and who is hardly known in the non-centred one, each without its funnel (Betancourt and Girolami, 2015;
Papaspiliopoulos et al., 2007). The change of coordinates is exact, however rough the curve is: only the pace depends on it.
"""

# ruff: noqa: ANN401 -- arrays of JAX have no types here

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# Steps to a top, and what the damping of the next one is multiplied with after a step upwards and after one that was none
# (Marquardt, 1963).
_STEPS = 50
_EASE, _DAMP = 0.25, 4.0
# The least deviation of the population that the tops make.
_NARROWEST = 0.1


class Curve(NamedTuple):
    """The normal curves near the likelihoods of people.

    Attributes:
        slope: b, (P, K).
        precision: A, (P, K, K), of which no eigenvalue is negative.
    """

    slope: Any
    precision: Any


def curve_of(log_likelihood: Callable[[Any], Any], centres: Any, wide: float, people: int) -> Curve:
    """Return the normal curves near the likelihoods of people, each where its person probably is.

    That is the top of its product with a prior: a wide one at first, for a likelihood alone may have no top, then the
    population that the tops make.

    Args:
        log_likelihood: From places on the lines of the parameters (P, K) to each person's (P,), by their own row.
        centres: Centre of the wide prior, (K,).
        wide: Its standard deviation.
        people: How many there are.
    """
    import jax  # heavy
    import jax.numpy as jnp  # heavy

    ways = jnp.eye(len(centres))
    slope_at = jax.grad(lambda z: log_likelihood(z).sum())

    def bend_at(z: Any, shape: Callable[[Any], Any]) -> Any:
        # People do not depend on each other, so one way in all rows at once gives a column of every person's matrix.
        columns = [jax.jvp(slope_at, (z,), (jnp.broadcast_to(way, z.shape),))[1] for way in ways]
        values, vectors = jnp.linalg.eigh(-jnp.stack(columns, axis=-1))
        return (vectors * shape(values)[:, None]) @ jnp.swapaxes(vectors, 1, 2)

    def top_of(start: Any, mean: Any, deviation: Any) -> Any:
        def height_at(z: Any) -> Any:
            return log_likelihood(z) - 0.5 * (((z - mean) / deviation) ** 2).sum(axis=1)

        def climb(_: int, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            z, height, damping = state
            uphill = slope_at(z) - (z - mean) / deviation**2
            # By the size of the bend, so that a saddle is left and not looked for (Dauphin et al., 2014).
            bend = bend_at(z, jnp.abs) + damping[:, None, None] * ways + jnp.diag(deviation**-2)
            there = z + jnp.linalg.solve(bend, uphill[..., None])[..., 0]
            higher = height_at(there)
            better = higher > height
            return (
                jnp.where(better[:, None], there, z),
                jnp.where(better, higher, height),
                damping * jnp.where(better, _EASE, _DAMP),
            )

        state = start, height_at(start), jnp.ones(people)
        return jax.lax.fori_loop(0, _STEPS, climb, state)[0]

    @jax.jit
    def find() -> tuple[Any, Any]:
        first = jnp.asarray(centres), jnp.full(len(centres), wide)

        def again(_: int, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            top = top_of(*state)
            return top, top.mean(axis=0), jnp.maximum(top.std(axis=0), _NARROWEST)

        start = jnp.broadcast_to(first[0], (people, len(centres)))
        top, *_ = jax.lax.fori_loop(0, 2, again, (start, *first))
        precision = bend_at(top, lambda values: jnp.maximum(values, 0.0))
        return slope_at(top) + (precision @ top[..., None])[..., 0], precision

    slope, precision = (np.asarray(found) for found in find())
    # A likelihood without a slope somewhere leaves its person to the non-centred form.
    known: Any = np.isfinite(slope).all(axis=1) & np.isfinite(precision).all(axis=(1, 2))
    return Curve(
        np.where(known[:, None], slope, 0.0), np.where(known[:, None, None], precision, 0.0)
    )


def placed(curve: Curve, standard: Any, mean: Any, deviation: Any) -> tuple[Any, Any]:
    """Return where people are on the lines (P, K), and the log-volume of the change of coordinates.

    Args:
        curve: See `curve_of`.
        standard: u, (P, K).
        mean: Mean of the population, (K,).
        deviation: Its standard deviation, (K,).
    """
    import jax.numpy as jnp  # heavy
    from jax.scipy.linalg import solve_triangular  # heavy

    weight = deviation**-2
    root = jnp.linalg.cholesky(jnp.asarray(curve.precision) + jnp.diag(weight))
    pull = jnp.asarray(curve.slope) + weight * mean
    half = solve_triangular(root, pull[..., None], lower=True)
    z = solve_triangular(root, half + standard[..., None], lower=True, trans=1)[..., 0]
    volume = -jnp.log(jnp.diagonal(root, axis1=1, axis2=2)).sum()
    return z, volume
