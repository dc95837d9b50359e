"""Inputs on which a network is probed: five samples, larger ones, and ones that depend on nothing but their form."""

from __future__ import annotations

import numpy as np

from taskloom_anomaly.backends.axes import MORE
from taskloom_anomaly.data.named import MASKS, Inputs, NamedArrays

# Extents by which inputs grow: enough for one more step of five strides of 2.
_MORE_PIXELS, _MORE_STEPS = 32, 4
FIXED_STEPS = 8
"""Positions of the texts that a network is named by."""


def five(samples: Inputs) -> Inputs:
    """Return five samples: the first ones, and where there are fewer, further ones that differ from them."""
    if len(samples) >= MORE:
        return samples[:MORE]
    if isinstance(samples, NamedArrays):
        return NamedArrays(
            {
                name: np.resize(array, (MORE, *array.shape[1:])) if name in MASKS else _five(array)
                for name, array in samples.arrays.items()
            }
        )
    return _five(samples)


def _five(array: np.ndarray) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(0))
    rows = np.resize(array, (MORE, *array.shape[1:]))
    fresh = rows[len(array) :]
    if array.dtype.kind == "f":
        spread = float(array.std()) or 1.0
        fresh += (0.3 * spread * rng.standard_normal(fresh.shape)).astype(array.dtype)
    else:
        # Values of the samples themselves, elsewhere: tokens stay in the vocabulary.
        fresh[...] = rng.choice(array.reshape(-1), fresh.shape) if array.size else fresh
    return rows


def larger(samples: Inputs) -> list[Inputs]:
    """Return the samples with each of their axes grown by itself; what fills them is what they begin with."""
    if not isinstance(samples, NamedArrays):
        return [_grown(samples, axis) for axis in range(1, samples.ndim)]
    found: list[Inputs] = []
    length = samples.shape[1] if samples.first.ndim > 1 else 0
    if length:
        # Tokens, their mask and their positions grow together.
        together = {
            name: _grown(array, 1, _MORE_STEPS) if array.shape[1:2] == (length,) else array
            for name, array in samples.arrays.items()
        }
        found.append(NamedArrays(together))
    for name, array in samples.arrays.items():
        if array.ndim > 2:
            found += [
                NamedArrays({**samples.arrays, name: _grown(array, axis)})
                for axis in range(1, array.ndim)
            ]
    return found


def _grown(array: np.ndarray, axis: int, by: int | None = None) -> np.ndarray:
    more = by or (_MORE_PIXELS if array.ndim > 3 else _MORE_STEPS)
    size = array.shape[axis]
    return np.take(array, np.arange(size + more) % max(size, 1), axis=axis)


def with_steps(samples: Inputs, steps: int = FIXED_STEPS) -> Inputs | None:
    """Return samples with a mask cut or repeated to a number of positions; None where nothing says which axis those are.

    How long the texts at hand happen to be is no property of a network.
    """
    real = samples.real if isinstance(samples, NamedArrays) else None
    if real is None:
        return None
    places = np.arange(steps) % real.shape[1]
    return NamedArrays(
        {
            name: array[:, places] if array.shape[:2] == real.shape else array
            for name, array in samples.arrays.items()
        }
    )


def fixed(samples: Inputs, vocabulary: int) -> Inputs:
    """Return four samples of the same form that depend on nothing else; whole numbers are below `vocabulary`."""
    if isinstance(samples, NamedArrays):
        return NamedArrays(
            {
                name: np.ones((4, *array.shape[1:]), array.dtype)
                if name in MASKS
                else _fixed(array, vocabulary)
                for name, array in samples.arrays.items()
            }
        )
    return _fixed(samples, vocabulary)


def _fixed(array: np.ndarray, vocabulary: int) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(0))
    shape = (4, *array.shape[1:])
    if array.dtype.kind == "f":
        return rng.random(shape).astype(array.dtype)
    return rng.integers(0, max(vocabulary, 1), shape).astype(array.dtype)


def token_axis(samples: Inputs) -> int:
    """Return the number of steps along axis 1 of the inputs; 0 where they are no sequences."""
    first = samples.first if isinstance(samples, NamedArrays) else samples
    is_tokens = first.ndim == 2 and first.dtype.kind in "iu"
    return first.shape[1] if is_tokens or first.ndim == 3 else 0


def with_other_step(samples: Inputs, step: int) -> Inputs:
    """Return the samples with the values of one step exchanged between them."""

    def other(array: np.ndarray) -> np.ndarray:
        copy = array.copy()
        copy[:, step] = np.roll(array[:, step], 1, axis=0)
        if array.dtype.kind in "iu" and np.array_equal(copy, array):
            copy[:, step] = np.where(array[:, step] > 0, array[:, step] - 1, array.max())
        return copy

    if not isinstance(samples, NamedArrays):
        return other(samples)
    name = next(iter(samples.arrays))
    return NamedArrays({**samples.arrays, name: other(samples.arrays[name])})
