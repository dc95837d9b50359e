"""Forward pass and statistics of flax networks as one compiled function: activations never leave the device.

What a covariance needs of a batch is gathered inside the pass, about a shift c near the mean (the mean of the first batch):
sum z and sum z z^T of z = a - c, and where they are asked for sum |z|^2 z and sum |z|^4. The products are in float32 over one
batch, in which they lose little because z is centred, and are added up over batches in float64, where they are moved to the
true mean.

The product z^T z is symmetric, so only strips of its upper half are computed: with three strips 2/3 of the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from taskloom_anomaly.backends.axes import Axes
from taskloom_anomaly.backends.jax_capture import Capture
from taskloom_anomaly.backends.jax_handle import JaxHandle
from taskloom_anomaly.backends.jax_network import JaxNetwork, count_of, evaluated, padded
from taskloom_anomaly.backends.reduction import reduce_positions
from taskloom_anomaly.config import Reduction
from taskloom_anomaly.data.named import Inputs
from taskloom_anomaly.statistics.moments import Moments

_STRIPS = 3


class Sums(NamedTuple):
    """Sums over the rows z of a batch: z, strips of z z^T, and, or else nothing, |z|^2 z and |z|^4."""

    first: Array
    strips: tuple[Array, ...]
    powers: tuple[Array, ...]


def _edges(width: int) -> range:
    return range(0, width, -(-width // _STRIPS))


def _sums_of(rows: Float[Array, "n d"], *, fourth: bool) -> Sums:
    width = rows.shape[1]
    step = _edges(width).step
    strips = tuple(
        jax.lax.dot_general(rows[:, i : i + step], rows[:, i:], (((0,), (0,)), ((), ())))
        for i in _edges(width)
    )
    if not fourth:
        return Sums(rows.sum(axis=0), strips, ())
    squares = (rows * rows).sum(axis=1)
    # One product reads the rows once for both sums.
    first, third = jnp.stack([jnp.ones_like(squares), squares]) @ rows
    return Sums(first, strips, (third, squares @ squares))


class LayerForm(NamedTuple):
    """A layer as it is watched.

    Attributes:
        layer: The name that the user gave.
        name: The activation's own name.
        axes: The meaning of its axes.
        reduction: How positions become one vector.
    """

    layer: str
    name: str
    axes: Axes
    reduction: Reduction


@partial(jax.jit, static_argnums=(0,), static_argnames=("whole", "fourth", "forms"))
def forward_sums(
    network: JaxNetwork,
    parameters: PyTree,
    buffers: PyTree,
    inputs: PyTree,
    *,
    count: Array,
    shifts: dict[str, Array],
    whole: bool,
    fourth: bool,
    forms: tuple[LayerForm, ...],
) -> dict[str, Sums]:
    """Run the network on a padded batch and return the sums of every layer in `shifts` over its first `count` rows.

    A batch that is `whole` has no padding; masking rows costs a tenth of the pass, so it is compiled apart.
    """
    capture = Capture(frozenset(form.name for form in forms))
    evaluated(network, parameters, buffers, inputs, capture)
    real = (jnp.arange(count_of(inputs)) < count)[:, None]
    found = {}
    for form in forms:
        arranged: Any = form.axes.arrange(capture.seen[form.name])  # type: ignore[arg-type] # jax arrays do as numpy's
        reduced: Any = reduce_positions(arranged, form.reduction)
        rows = reduced - shifts[form.layer]
        found[form.layer] = _sums_of(rows if whole else jnp.where(real, rows, 0.0), fourth=fourth)
    return found


class MomentsGatherer:
    """Moments of the activations of a flax network over a stream of batches.

    Args:
        handle: The network.
        shifts: A point near the mean of every layer that is watched; float32, as long as the reduced layer is wide.
        reductions: How the positions of each layer become one vector.
        fourth: Whether the third and the fourth moments are gathered, too.
    """

    def __init__(
        self,
        handle: JaxHandle,
        shifts: Mapping[str, Float[np.ndarray, " d"]],
        reductions: Mapping[str, Reduction],
        *,
        fourth: bool = False,
    ) -> None:
        self._handle = handle
        self._shifts = {name: np.asarray(shift, np.float32) for name, shift in shifts.items()}
        self._forms = tuple(
            LayerForm(name, handle.own_name(name), handle.axes(name), reductions[name])
            for name in shifts
        )
        self._fourth = fourth
        self._number = 0
        self._total: dict[str, list[np.ndarray]] = {}

    def add(self, inputs: Inputs) -> bool:
        """Run the network on a batch and add what it gave; return False, and add nothing, if some of it is not a number."""
        handle = self._handle
        batch = padded(inputs)
        found = forward_sums(
            handle.network,
            handle.variables,
            handle.buffers,
            batch,
            count=np.int32(len(inputs)),
            shifts=self._shifts,
            whole=count_of(batch) == len(inputs),
            fourth=self._fourth,
            forms=self._forms,
        )
        parts = {
            name: [np.asarray(part, np.float64) for part in (s.first, *s.strips, *s.powers)]
            for name, s in found.items()
        }
        # Powers overflow before the activations do, and NaN anywhere in a row is NaN in its sums.
        if not all(np.isfinite(part).all() for own in parts.values() for part in own):
            return False
        for name, own in parts.items():
            before = self._total.get(name)
            self._total[name] = (
                own if before is None else [a + b for a, b in zip(before, own, strict=True)]
            )
        self._number += len(inputs)
        return True

    def moments(self) -> dict[str, Moments]:
        """Return the moments of every layer about its mean."""
        return {
            name: about_mean(self._number, self._shifts[name].astype(np.float64), own)
            for name, own in self._total.items()
        }


def about_mean(number: int, shift: Float[np.ndarray, " d"], sums: list[np.ndarray]) -> Moments:
    """Move sums about a shift to the mean.

    With z about the shift, s = sum z, delta = s / n, G = sum z z^T and tr its trace:

        S = G - n delta delta^T
        t = sum |z|^2 z - tr delta - 2 G delta + 2 n |delta|^2 delta
        q = sum |z|^4 + 4 delta^T G delta - 4 t_z . delta + 2 |delta|^2 tr - 3 n |delta|^4

    Args:
        number: n.
        shift: The shift.
        sums: Sum of z, the strips of G's upper half, and, or else nothing, sum of |z|^2 z and of |z|^4.
    """
    first, *rest = sums
    width = len(first)
    edges = _edges(width)
    gram = np.zeros((width, width))
    for i, strip in zip(edges, rest[: len(edges)], strict=True):
        gram[i : i + len(strip), i:] = strip
        gram[i:, i : i + len(strip)] = strip.T
    delta = first / number
    length, trace, pulled = float(delta @ delta), float(np.trace(gram)), gram @ delta
    scatter = gram - number * np.outer(delta, delta)
    if not rest[len(edges) :]:
        return Moments(
            np.asarray(float(number)), shift + delta, scatter, np.zeros(0), np.asarray(np.nan)
        )
    third, fourth = rest[len(edges) :]
    about = third - trace * delta - 2 * pulled + 2 * number * length * delta
    power = float(fourth) + 4 * float(delta @ pulled) - 4 * float(third @ delta)
    power += 2 * length * trace - 3 * number * length**2
    return Moments(np.asarray(float(number)), shift + delta, scatter, about, np.asarray(power))
