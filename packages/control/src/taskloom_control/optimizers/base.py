"""What the controller asks of an optimizer.

A plan is a spline through n knots of nu controls, z of shape (n, nu), in the coordinates of the action normalizer. A *sampler*
is an ask-and-tell optimizer of the expected reward over z; a *trajectory optimizer* works on the system itself. Both carry
their state from plan to plan, so everything that belongs to a knot moves when the knot does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from jaxtyping import Float

    from taskloom_control.planning.problem import Problem


@dataclass(frozen=True)
class Shape:
    """The size of a plan.

    Attributes:
        num_knots: Knots, n.
        num_controls: Controls, nu.
        iterations: Iterations of an ordinary plan.
    """

    num_knots: int
    num_controls: int
    iterations: int = 1


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


class Stateful(Protocol):
    """What every optimizer does between plans."""

    @property
    def nominal(self) -> Float[np.ndarray, "n nu"]:
        """The plan as it stands."""
        ...

    def reset(self, nominal: Float[np.ndarray, "n nu"], /) -> None:
        """Forget everything and begin at a plan."""
        ...

    def shift(self, count: int, /) -> None:
        """Drop the first knots, and whatever belongs to them, and append as many."""
        ...

    def rescale(self, ratio: Float[np.ndarray, " nu"], offset: Float[np.ndarray, " nu"], /) -> None:
        """Follow a change of coordinates z' = ratio * z + offset."""
        ...

    def state(self) -> Mapping[str, np.ndarray]:
        """Return everything that the next plan depends on, for a checkpoint."""
        ...

    def restore(self, state: Mapping[str, np.ndarray], /) -> None:
        """Take over what `state` returned."""
        ...


@runtime_checkable
class Sampler(Stateful, Protocol):
    """An optimizer that proposes candidates and learns from their rewards."""

    def sample(self, draw: Draw, /) -> Float[np.ndarray, "R n nu"]:
        """Return candidates; the first is the nominal plan. The caller clips them to the bounds."""
        ...

    def update(
        self, knots: Float[np.ndarray, "R n nu"], rewards: Float[np.ndarray, " R"], /
    ) -> None:
        """Learn from clipped candidates; a diverged one has reward -inf, and at least one is finite."""
        ...

    @property
    def weights(self) -> Float[np.ndarray, " R"]:
        """The weights that the last update gave its candidates; they sum to 1."""
        ...


@runtime_checkable
class TrajectoryOptimizer(Stateful, Protocol):
    """An optimizer that looks into the system: derivatives, feedback."""

    def improve(self, problem: Problem, /) -> float:
        """Improve the nominal plan once and return its reward."""
        ...


Optimizer: TypeAlias = "Sampler | TrajectoryOptimizer"
"""Either kind."""
