"""State that belongs to knots: one place that shifts, rescales, saves and restores it for every sampling optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from taskloom_control.planning.splines import shift_knots

if TYPE_CHECKING:
    from jaxtyping import Float

    Candidates: TypeAlias = Float[np.ndarray, "R n nu"]
    Rewards: TypeAlias = Float[np.ndarray, " R"]


@dataclass(frozen=True)
class KnotShape:
    """The size of a plan.

    Attributes:
        num_knots: Knots, n.
        num_controls: Controls, nu.
    """

    num_knots: int
    num_controls: int


@dataclass(frozen=True)
class Draw:
    """One request for candidates.

    Attributes:
        rng: The random stream of this plan and iteration.
        iteration: Index of the iteration within the plan.
        iterations: Iterations of this plan.
        low: Lower bounds of a knot, shape (nu,); may be -inf.
        high: Upper bounds of a knot, shape (nu,); may be inf.
    """

    rng: np.random.Generator
    iteration: int
    iterations: int
    low: Float[np.ndarray, " nu"]
    high: Float[np.ndarray, " nu"]


@dataclass(frozen=True)
class Entry:
    """Rule by which one array follows its knots; its last two axes are (n, nu).

    Attributes:
        start: Value of knots that have not been seen; None repeats the last knot.
        power: Power of the scale of the coordinates that it carries: 1 for a deviation, 2 for a variance, 0 for a ratio.
        position: Whether it is a position, so that a change of origin moves it too.
    """

    start: float | None = None
    power: int = 1
    position: bool = False


NOMINAL = Entry(position=True)


class KnotState:
    """Named arrays that move with their knots, and single numbers that do not.

    Args:
        shape: The size of a plan.
        entries: The optimizer's own arrays, each of shape (n, nu), besides the nominal plan and the memory.

    Attributes:
        shape: The size of a plan.
        arrays: The arrays by name; `nominal` is the plan as it stands, `memory` holds candidates to try again.
        scalars: The numbers by name.
        weights: The weights that the last update gave its candidates; they sum to 1.
        num_given: First candidates of the last batch that were not drawn: the nominal plan and the memory.
    """

    def __init__(self, shape: KnotShape, entries: Mapping[str, Entry]) -> None:
        self.shape = shape
        self.weights: Float[np.ndarray, " R"] = np.ones(1)
        self.num_given = 1
        self._entries = {"nominal": NOMINAL, "memory": NOMINAL, **entries}
        self.arrays: dict[str, np.ndarray] = {}
        self.scalars: dict[str, float] = {}
        self.reset(np.zeros((shape.num_knots, shape.num_controls)))

    @property
    def nominal(self) -> Float[np.ndarray, "n nu"]:
        """The plan as it stands."""
        return self.arrays["nominal"]

    def reset(self, nominal: Float[np.ndarray, "n nu"]) -> None:
        """Begin at a plan, with every other array at its starting value and no memory."""
        self.arrays = {
            name: np.array(nominal, dtype=float)
            if entry.start is None
            else np.full(nominal.shape, entry.start, dtype=float)
            for name, entry in self._entries.items()
        }
        # Empty rather than absent: a checkpoint of the first plan has the same names as any other.
        self.arrays["memory"] = np.zeros((0, *nominal.shape))
        self.scalars = {}

    def shift(self, count: int) -> None:
        """Drop the first knots of every array and append as many."""
        if count == 0:
            return
        n = self.shape.num_knots
        for name, array in self.arrays.items():
            shifted = shift_knots(array, count, axis=-2)
            start = self._entries[name].start
            # A spread or a path says nothing about knots that have not been sampled yet.
            if start is not None:
                shifted[..., n - min(count, n) :, :] = start
            self.arrays[name] = shifted

    def rescale(self, ratio: Float[np.ndarray, " nu"], offset: Float[np.ndarray, " nu"]) -> None:
        """Follow a change of coordinates z' = ratio * z + offset."""
        for name, array in self.arrays.items():
            entry = self._entries[name]
            # Exact: what is drawn after the change is what would have been drawn before it.
            moved = array * ratio**entry.power
            self.arrays[name] = moved + offset if entry.position else moved

    def carry_over(self, old: KnotState, move: Callable[[np.ndarray], np.ndarray]) -> None:
        """Take over what another state remembers besides its plan, moved to this one's knots."""
        for name, array in old.arrays.items():
            if name != "nominal":
                self.arrays[name] = move(array)
        self.scalars = dict(old.scalars)

    def saved(self) -> dict[str, np.ndarray]:
        """Return everything that the next plan depends on, for a checkpoint."""
        return {**self.arrays, **{f"scalar/{k}": np.array(v) for k, v in self.scalars.items()}}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Take over what `saved` returned."""
        self.arrays = {
            k: np.array(v, dtype=float) for k, v in saved.items() if not k.startswith("scalar/")
        }
        self.scalars = {
            k.removeprefix("scalar/"): float(v) for k, v in saved.items() if k.startswith("scalar/")
        }

    def around_nominal(self, noise: Candidates) -> Candidates:
        """Return the nominal plan, the memory, and the nominal plan with noise; the noise is written over."""
        noise += self.arrays["nominal"]
        return self.with_kept(noise)

    def with_kept(self, fresh: Candidates) -> Candidates:
        """Put the nominal plan and the memory into the first rows of fresh candidates."""
        # The nominal plan comes first, whatever the memory: a plan is never exchanged for a worse one.
        memory = self.arrays["memory"]
        kept = min(len(memory), len(fresh) - 1)
        fresh[0] = self.arrays["nominal"]
        fresh[1 : 1 + kept] = memory[:kept]
        self.num_given = 1 + kept
        return fresh

    def remember(self, knots: Candidates, order: np.ndarray, keep: int) -> None:
        """Keep the best candidates, given their indices from best to worst."""
        self.arrays["memory"] = knots[order[:keep]]

    def weigh_alike(self, chosen: np.ndarray, count: int) -> None:
        """Give the chosen of so many candidates equal weights, and the others none."""
        self.weights = np.zeros(count)
        self.weights[chosen] = 1.0 / len(chosen)

    def take_best(self, knots: Candidates, rewards: Rewards, keep: int) -> None:
        """Make the best candidate the plan, and remember the runners-up."""
        order = ranked(rewards)
        # A copy, because the candidates' array is written over by the next draw.
        self.arrays["nominal"] = knots[order[0]].copy()
        self.remember(knots, order[1:], keep)
        self.weights = one_hot(len(rewards), int(order[0]))

    def take_mean(self, knots: Candidates, rewards: Rewards, weights: Rewards, keep: int) -> None:
        """Make the weighted mean of the candidates the plan, and remember the best."""
        self.weights = weights
        self.arrays["nominal"] = np.tensordot(weights, knots, axes=1)
        if keep:
            self.remember(knots, ranked(rewards), keep)


def ranked(rewards: Rewards) -> np.ndarray:
    """Return the indices of the finite rewards from best to worst; ties keep their order."""
    # Stable, because an unstable order of equal rewards differs between processors.
    order = (-rewards).argsort(kind="stable")
    return order[: np.count_nonzero(rewards > -np.inf)]


def one_hot(count: int, index: int) -> np.ndarray:
    """Return the weights of an update that takes one candidate."""
    weights = np.zeros(count)
    weights[index] = 1.0
    return weights
