"""State that belongs to knots: one place that shifts, rescales, saves and restores it for every sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.planning.splines import shift_knots

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import Draw, Shape
    from taskloom_control.optimizers.config import SamplingConfig


@dataclass(frozen=True)
class Entry:
    """How one array follows its knots; its last two axes are (n, nu).

    Attributes:
        start: Value of knots that have not been seen; None repeats the last knot.
        power: Power of the scale of the coordinates that it carries: 1 for a deviation, 2 for a variance, 0 for a ratio.
        position: Whether it is a position, so that a change of origin moves it too.
    """

    start: float | None = None
    power: int = 1
    position: bool = False


NOMINAL = Entry(position=True)


class KnotSampler(ABC):
    """A sampler whose state is named arrays that move with their knots.

    A subclass says how to draw and how to learn; the nominal plan, the memory of good candidates, shifting, rescaling and
    checkpoints are written here, once, and not overridden.

    Args:
        config: What all sampling optimizers share.
        shape: The size of a plan.
        entries: The sampler's own arrays, each of shape (n, nu).
    """

    def __init__(self, config: SamplingConfig, shape: Shape, **entries: Entry) -> None:
        self._common = config
        self._shape = shape
        self.weights: Float[np.ndarray, " R"] = np.ones(1)
        self._entries = {"nominal": NOMINAL, "memory": NOMINAL, **entries}
        self.arrays: dict[str, np.ndarray] = {}
        self.scalars: dict[str, float] = {}
        self.reset(np.zeros((shape.num_knots, shape.num_controls)))

    @abstractmethod
    def sample(self, draw: Draw) -> Float[np.ndarray, "R n nu"]:
        """Return candidates; the first is the nominal plan."""

    @abstractmethod
    def update(self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"]) -> None:
        """Learn from clipped candidates and their rewards."""

    @property
    def nominal(self) -> Float[np.ndarray, "n nu"]:
        """The plan as it stands."""
        return self.arrays["nominal"]

    def reset(self, nominal: Float[np.ndarray, "n nu"]) -> None:
        """Begin at a plan, with every other array at its starting value and no memory."""
        self.arrays = {
            name: np.full(nominal.shape, entry.start, dtype=float)
            for name, entry in self._entries.items()
            if entry.start is not None
        }
        for name, entry in self._entries.items():
            if entry.start is None:
                self.arrays[name] = np.array(nominal, dtype=float)
        self.arrays["memory"] = np.zeros((0, *nominal.shape))
        self.scalars = {}

    def shift(self, count: int) -> None:
        """Drop the first knots of every array."""
        if count == 0:
            return
        n = self._shape.num_knots
        for name, array in self.arrays.items():
            shifted = shift_knots(array, count, axis=-2)
            start = self._entries[name].start
            if start is not None:
                shifted[..., n - min(count, n) :, :] = start
            self.arrays[name] = shifted

    def rescale(self, ratio: Float[np.ndarray, " nu"], offset: Float[np.ndarray, " nu"]) -> None:
        """Follow a change of coordinates z' = ratio * z + offset."""
        for name, array in self.arrays.items():
            entry = self._entries[name]
            moved = array * ratio**entry.power
            self.arrays[name] = moved + offset if entry.position else moved

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the next plan depends on, for a checkpoint."""
        return {**self.arrays, **{f"scalar/{k}": np.array(v) for k, v in self.scalars.items()}}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""
        self.arrays = {
            k: np.array(v, dtype=float) for k, v in state.items() if not k.startswith("scalar/")
        }
        self.scalars = {
            k.removeprefix("scalar/"): float(v) for k, v in state.items() if k.startswith("scalar/")
        }

    def with_kept(self, fresh: Float[np.ndarray, "R n nu"]) -> Float[np.ndarray, "R n nu"]:
        """Put the nominal plan and the memory into the first rows of fresh candidates."""
        memory = self.arrays["memory"]
        kept = min(len(memory), len(fresh) - 1)
        fresh[0] = self.arrays["nominal"]
        fresh[1 : 1 + kept] = memory[:kept]
        return fresh

    def noise(self, draw: Draw, count: int, spread: float | np.ndarray) -> np.ndarray:
        """Return normal noise of shape (count, n, nu) with this spread per knot, ramped if configured.

        The ramp multiplies what is drawn, never the spread that is remembered: it cannot compound from plan to plan.
        """
        n, nu = self._shape.num_knots, self._shape.num_controls
        normals = draw.rng.standard_normal((count, n, nu))
        ramp = self._common.noise_ramp
        if ramp > 0:
            spread = spread * (ramp * np.arange(1, n + 1) / n)[:, None]
        normals *= spread
        return normals

    def remember(self, knots: Float[np.ndarray, "R n nu"], order: np.ndarray) -> None:
        """Keep the best candidates, given their indices from best to worst."""
        self.arrays["memory"] = knots[order[: self._common.keep]]


def ranked(rewards: Float[np.ndarray, " R"]) -> np.ndarray:
    """Return the indices of the finite rewards from best to worst; ties keep their order."""
    order = (-rewards).argsort(kind="stable")
    return order[: np.count_nonzero(rewards > -np.inf)]


def mean_and_deviation(
    elites: Float[np.ndarray, "k n nu"],
) -> tuple[Float[np.ndarray, "n nu"], Float[np.ndarray, "n nu"]]:
    """Return the mean and the population standard deviation of some candidates."""
    # As NumPy's own, without its many small calls: a plan of a small model takes a millisecond.
    count = len(elites)
    mean = np.add.reduce(elites) / count
    gaps = elites - mean
    gaps *= gaps
    spread = np.add.reduce(gaps)
    spread /= count
    return mean, np.sqrt(spread, out=spread)


def one_hot(count: int, index: int) -> np.ndarray:
    """Return the weights of an update that takes one candidate."""
    weights = np.zeros(count)
    weights[index] = 1.0
    return weights
