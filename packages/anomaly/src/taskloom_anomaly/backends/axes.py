"""Axes of an activation from evidence: which one counts samples, and which one features.

Samples are found by running 3 and 5 of them and 3 in another order; features by running larger inputs, and where those cannot
tell, by changing one slice of a parameter (`torch_probe`). No module's name or class is ever asked.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from taskloom.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Float

# The numbers of samples of the first two passes.
FEW, MORE = 3, 5
# Another order of the first samples.
SHUFFLED = (2, 0, 1)
# Modules with parameters that are asked about the axis of the features, nearest first.
FURTHEST = 6
# The largest difference that rounding may make, as a share of the largest entry.
_TOLERANCE, _HALF_TOLERANCE = 1e-5, 1e-2
# Entries of a change above this share of its largest count.
_CHANGED = 1e-4


@dataclass(frozen=True, slots=True)
class Axes:
    """The meaning of the axes of an array as the network returns it.

    Attributes:
        shape: The array's shape for `FEW` samples.
        sample: The axis of the samples; None where there is none, or where it is not known.
        feature: The axis of the features; None where it is not known.
        groups: Rows that belong to one sample in the axis of samples: windows, beams.
        interleaved: Whether groups come before samples, (groups, n, ...) instead of (n, groups, ...).
        evidence: The way in which the axes were found.
        refusal: The reason why there is no axis of samples, if there is none.
    """

    shape: tuple[int, ...]
    sample: int | None = None
    feature: int | None = None
    groups: int = 1
    interleaved: bool = False
    evidence: str = ""
    refusal: str = ""

    @property
    def known(self) -> bool:
        """True if both axes are known."""
        return self.sample is not None and self.feature is not None

    @property
    def positions(self) -> tuple[int, ...]:
        """The axes that are neither."""
        return tuple(i for i in range(len(self.shape)) if i not in (self.sample, self.feature))

    @property
    def letters(self) -> str:
        """The shape as a person reads it: `(n, 24, d=8)`."""
        words = [str(size) for size in self.shape]
        if self.sample is not None:
            words[self.sample] = "n" if self.groups == 1 else f"n*{self.groups}"
        if self.feature is not None:
            words[self.feature] = f"d={words[self.feature]}"
        return f"({', '.join(words)})"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample after `arrange`."""
        return self.arrange(np.zeros(self.shape, bool)).shape[1:]

    def arrange(self, array: np.ndarray) -> Float[np.ndarray, "n *positions d"]:
        """Return the array with samples first and features last; groups become positions, nothing is computed."""
        assert self.sample is not None
        assert self.feature is not None
        if self.groups == 1 and self.sample == 0 and self.feature == array.ndim - 1:
            return array
        # Arrays of JAX inside of a compiled function are arranged, too.
        xp = array.__array_namespace__()
        found = xp.moveaxis(array, (self.sample, self.feature), (0, -1))
        if self.groups == 1:
            return found
        apart = found.shape[1:]
        n = len(found) // self.groups
        if self.interleaved:
            found = xp.moveaxis(found.reshape(self.groups, n, *apart), 0, 1)
        # Whole samples in rows: groups and positions side by side.
        return found.reshape(n, self.groups * math.prod(apart[:-1]), apart[-1])


def samples_by_shape(few: tuple[int, ...] | None, more: tuple[int, ...]) -> Axes:
    """Return what shapes tell about the axis of samples.

    Args:
        few: The array's shape for `FEW` samples; None where it did not come to be for them.
        more: Its shape for `MORE` samples.
    """
    if few is None:
        return Axes(more, refusal="it does not come to be for every batch")
    shapes = f"{few} for {FEW} samples, {more} for {MORE}"
    if len(few) != len(more):
        return Axes(few, refusal=f"its shape depends on the samples: {shapes}")
    grown = [i for i in range(len(few)) if few[i] != more[i]]
    if not grown:
        return Axes(few, refusal=f"it is the same for every sample: its shape is {few}")
    axis = grown[0]
    groups, rest = divmod(few[axis], FEW)
    if len(grown) > 1 or rest or not groups or more[axis] != MORE * groups:
        return Axes(few, refusal=f"no axis counts samples: {shapes}")
    return Axes(few, axis, groups=groups)


Pair: TypeAlias = "tuple[np.ndarray, Sequence[int], np.ndarray, Sequence[int]]"
"""Two arrays with places of samples in each: the same samples, which must give the same."""


def samples_by_value(axes: Axes, pairs: Sequence[Pair], *, half: bool) -> Axes:
    """Return the axes with the order of samples and groups, if the same samples give the same in other batches and orders.

    Args:
        axes: What `samples_by_shape` tells.
        pairs: Arrays of several passes.
        half: Whether the network computes them in half precision.
    """
    if axes.sample is None:
        return axes
    tolerance = _HALF_TOLERANCE if half else _TOLERANCE
    for interleaved in (False, True) if axes.groups > 1 else (False,):
        found = replace(axes, interleaved=interleaved)
        if all(
            a.ndim == b.ndim
            and _close(_by_sample(a, found)[list(i)], _by_sample(b, found)[list(k)], tolerance)
            for a, i, b, k in pairs
        ):
            # With two axes nothing is left to find out.
            flat = len(axes.shape) == 2
            one = 1 - axes.sample if flat else None
            return replace(found, feature=one, evidence="two axes" if flat else "")
    return Axes(axes.shape, refusal="the other samples of a batch change it")


def _by_sample(array: np.ndarray, axes: Axes) -> np.ndarray:
    """Return an array with samples first and their groups second."""
    assert axes.sample is not None
    rows = np.moveaxis(array, axes.sample, 0)
    n = len(rows) // axes.groups
    if axes.interleaved:
        return np.moveaxis(rows.reshape(axes.groups, n, *rows.shape[1:]), 0, 1)
    return rows.reshape(n, axes.groups, *rows.shape[1:])


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    bound = tolerance * float(np.abs(a, where=np.isfinite(a), out=np.zeros(a.shape)).max(initial=0))
    return bool(np.allclose(a, b, rtol=0.0, atol=bound, equal_nan=True))


def by_size(axes: Axes, larger: Sequence[tuple[int, ...]]) -> Axes:
    """Return the axes with that of the features, if inputs of a larger extent leave exactly one that did not grow.

    Args:
        axes: The axis of samples is known.
        larger: The array's shapes for `FEW` samples of larger inputs.
    """
    rest = [i for i in range(len(axes.shape)) if i != axes.sample]
    fixed = [
        i for i in rest if all(len(s) == len(axes.shape) and s[i] == axes.shape[i] for s in larger)
    ]
    if len(fixed) == 1 and len(rest) > 1:
        return replace(axes, feature=fixed[0], evidence="size")
    return axes


def _explained(axes: Axes, changes: Sequence[tuple[int, np.ndarray]], size: int) -> int | None:
    """Return the axis of the activation in which one axis of a parameter lies.

    Args:
        axes: The axis of samples is known.
        changes: The index of each slice that was changed, and the change of the activation.
        size: The parameter's extent along the axis.
    """
    found: set[int | None] = set()
    for index, change in changes:
        large = np.abs(change)
        where = np.nonzero(large > _CHANGED * large.max(initial=0.0))
        single = [
            i
            for i in range(len(axes.shape))
            if i != axes.sample and len(where[i]) and (where[i] == where[i][0]).all()
        ]
        # An axis of one entry would be explained by everything.
        single = [i for i in single if change.shape[i] > 1]
        is_one = len(single) == 1 and where[single[0]][0] == index
        found.add(single[0] if is_one and change.shape[single[0]] == size else None)
    return found.pop() if len(found) == 1 else None


def by_parameters(
    axes: Axes,
    asked: Iterable[tuple[str, tuple[int, ...]]],
    changed: Callable[[str, int, int], np.ndarray | None],
) -> Axes:
    """Return the axes with that of the features, if a slice of a parameter changes one index of one axis only.

    A parameter of which two axes explain different axes of the activation, such as a table of positions, says nothing.

    Args:
        axes: The axis of samples is known.
        asked: Label and shape of parameters, nearest first.
        changed: Maps a parameter's label, one of its axes and an index along it to the change of the activation when that slice
            is changed; None where there is no such activation then.
    """
    sizes = {size for i, size in enumerate(axes.shape) if i != axes.sample and size > 1}
    for label, shape in asked:
        found = set()
        for own, size in enumerate(shape):
            if size not in sizes:
                continue
            slices = [(index, changed(label, own, index)) for index in (size // 3, size - 1)]
            known = [(index, change) for index, change in slices if change is not None]
            axis = _explained(axes, known, size) if len(known) == len(slices) else None
            if axis is not None:
                found.add(axis)
        if len(found) == 1:
            return replace(axes, feature=found.pop(), evidence=f"parameter {label}")
    return axes


def given(letters: str, shape: tuple[int, ...], name: str) -> Axes:
    """Return the axes that a user names: n samples, t positions, d features, a dot any axis that does not grow.

    Raises:
        ConfigError: The letters do not fit the array.
    """
    if len(letters) != len(shape) or letters.count("n") != 1 or letters.count("d") != 1:
        raise ConfigError(
            f"--axes {name}={letters} does not fit layer '{name}' of the shape {shape}: one letter for each axis is needed,"
            " n once, d once, t or a dot for the others."
        )
    groups, rest = divmod(shape[letters.index("n")], FEW)
    if rest or not groups:
        raise ConfigError(
            f"--axes {name}={letters}: axis {letters.index('n')} of layer '{name}' has {shape[letters.index('n')]} entries"
            f" for {FEW} samples, so it does not count samples."
        )
    return Axes(shape, letters.index("n"), letters.index("d"), groups, evidence="given")


class AxesProbe(ABC):
    """Base of the probes of a framework.

    Attributes:
        resolved: Axes that are known for good.
    """

    resolved: dict[str, Axes]

    @abstractmethod
    def _by_size(self, name: str) -> Axes:
        """Return the axes of an activation as far as sizes tell."""

    def resolve(self, name: str) -> Axes:
        """Return the axes of an activation; where sizes do not tell, parameters are asked."""
        if name not in self.resolved:
            found = self._by_size(name)
            if found.sample is not None and found.feature is None:
                found = self._by_parameters(name, found)
            self.resolved[name] = found
        return self.resolved[name]

    @abstractmethod
    def _by_parameters(self, name: str, axes: Axes) -> Axes:
        """Return the axes of an activation, found by changing the parameters that it depends on."""
