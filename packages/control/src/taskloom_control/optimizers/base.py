"""Optimizers of a plan: what all of them share, and the two kinds.

A plan is a spline through n knots of nu controls, z of shape (n, nu), in the coordinates of the action normalizer. A *sampling
optimizer* is an ask-and-tell optimizer of the expected reward over z; a *trajectory optimizer* works on the system itself. An
optimizer is parameters and arithmetic; what it carries from plan to plan is a record that `init` makes, so everything that
belongs to a knot moves when the knot does.

Noise is in the coordinates of the action normalizer: with `min_max` (the default) 1 is half the control range.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
from pydantic import Field
from taskloom import Component, Config

from taskloom_control.optimizers.controls import ControlState
from taskloom_control.optimizers.knots import Draw, Entry, KnotShape, KnotState

if TYPE_CHECKING:
    from taskloom_control.optimizers.knots import Candidates, Rewards
    from taskloom_control.planning.problem import PlanningProblem

Positive = Annotated[float, Field(gt=0)]
PlanState: TypeAlias = KnotState | ControlState
"""Memory of an optimizer from plan to plan."""


class Optimizer(Component):
    """Base of every optimizer."""

    @abstractmethod
    def init(self, shape: KnotShape) -> PlanState:
        """Return the state before the first plan, for plans of this size."""

    # A class method, because help and completion ask it before there is a config.
    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return why the optimizer cannot work for any config of a class, or an empty string; nothing heavy is imported."""
        del config_class
        return ""

    def check(self, config: Config) -> str:
        """Return why the optimizer cannot work for a config, or an empty string."""
        return self.fits(type(config))


class SamplingOptimizer(Optimizer):
    """Base of the optimizers that propose candidate plans and learn from their rewards."""

    num_rollouts: Annotated[int, Field(ge=1, le=100_000)] = 32
    """Candidate plans per iteration, the nominal one and kept ones included."""
    num_nodes: Annotated[int, Field(ge=1, le=1000)] = 4
    """Knots of the spline."""
    noise_ramp: Annotated[float, Field(ge=0)] = 0.0
    """Noise of the last knot over that of an unramped one, growing linearly over the knots; 0 means no ramp."""
    keep: Annotated[int, Field(ge=0)] = 0
    """Best candidates that are shifted in time and tried again in the next iteration."""

    @abstractmethod
    def sample(self, state: KnotState, draw: Draw) -> Candidates:
        """Return candidates; the first is the nominal plan. The caller clips them to the bounds."""

    @abstractmethod
    def update(self, state: KnotState, knots: Candidates, rewards: Rewards) -> None:
        """Learn from clipped candidates; a diverged one has reward -inf, and at least one is finite."""

    # A hook with a default, so that an optimizer without arrays of its own says nothing about them.
    def entries(self) -> Mapping[str, Entry]:
        """Return the arrays that move with the knots besides the nominal plan and the memory, each of shape (n, nu)."""
        return {}

    def init(self, shape: KnotShape) -> KnotState:
        """Return the state before the first plan."""
        return KnotState(shape, self.entries())

    def noise(
        self, state: KnotState, draw: Draw, count: int, spread: float | np.ndarray
    ) -> Candidates:
        """Return normal noise of shape (count, n, nu) with this spread per knot, ramped if configured."""
        nominal = state.arrays["nominal"]
        normals = draw.rng.standard_normal((count, *nominal.shape))
        # The ramp multiplies the drawn noise, never the spread that is remembered: it cannot compound from plan to plan.
        if self.noise_ramp > 0:
            n = len(nominal)
            spread = spread * (self.noise_ramp * np.arange(1, n + 1) / n)[:, None]
        normals *= spread
        return normals


class TrajectoryOptimizer(Optimizer):
    """Base of the optimizers that look into the system: derivatives, feedback. A knot is a step of the model here."""

    @abstractmethod
    def init(self, shape: KnotShape) -> ControlState:
        """Return the state before the first plan."""

    @abstractmethod
    def improve(self, state: ControlState, problem: PlanningProblem) -> float:
        """Improve the nominal plan once and return its reward."""
