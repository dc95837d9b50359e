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
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias

import numpy as np
from pydantic import Field
from taskloom import Component, Config
from taskloom.params.shapes import kind_of

from taskloom_control.optimizers.controls import ControlState
from taskloom_control.optimizers.knots import Draw, Entry, KnotShape, KnotState
from taskloom_control.optimizers.ladder import ladder, ramp

if TYPE_CHECKING:
    from taskloom_control.optimizers.knots import Candidates, Rewards
    from taskloom_control.planning.problem import PlanningProblem

Positive = Annotated[float, Field(gt=0)]
PlanState: TypeAlias = KnotState | ControlState
"""Memory of an optimizer from plan to plan."""


class Optimizer(Component):
    """Base of every optimizer.

    Attributes:
        has_gains: Whether a plan of it can be executed with feedback.
    """

    has_gains: ClassVar[bool] = False

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
    """Base of the optimizers that propose candidate plans and learn from their rewards.

    Attributes:
        needs_range: Whether every control must have a range.
    """

    needs_range: ClassVar[bool] = False

    num_rollouts: Annotated[int, Field(ge=1, le=100_000)] = 32
    """Candidate plans per iteration, the nominal one and kept ones included."""
    num_nodes: Annotated[int, Field(ge=1, le=1000)] = 4
    """Knots of the spline."""
    noise_ramp: Annotated[float, Field(ge=0)] = 0.0
    """Noise of the last knot over that of an unramped one, growing linearly over the knots; 0 means no ramp."""
    finest: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Noise of the finest candidate over that of the coarsest; the others lie between, and 1 gives all the same."""
    keep: Annotated[int, Field(ge=0)] = 0
    """Best candidates that are shifted in time and tried again in the next iteration."""

    def with_rollouts(self, count: int) -> Self:
        """Return the same optimizer with another number of candidates.

        Raises:
            ValueError: It cannot work with so few.
        """
        return type(self).model_validate({**self.model_dump(), "num_rollouts": count})

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
        """Return normal noise of shape (count, n, nu) with this spread per knot, ramped and scaled if configured."""
        nominal = state.arrays["nominal"]
        normals = draw.rng.standard_normal((count, *nominal.shape))
        # The ramp multiplies the drawn noise, never the spread that is remembered: it cannot compound from plan to plan.
        if self.noise_ramp > 0:
            spread = spread * ramp(len(nominal), self.noise_ramp)
        normals *= spread
        if self.finest < 1:
            normals *= ladder(count, self.finest)
        return normals

    def drawn_scales(self, state: KnotState, count: int) -> np.ndarray | float:
        """Return what each candidate's draw was multiplied with besides its spread, shape (count, n, 1); 1 without either.

        A fit that remembers a spread divides by it, or ramp and ladder would compound from plan to plan. Candidates that were
        not drawn (the nominal plan and kept ones) have no scale of their own and count as coarse.
        """
        if self.noise_ramp == 0 and self.finest == 1:
            return 1.0
        scales = np.array(ladder(count, self.finest))
        scales[: state.num_given] = 1.0
        return np.asarray(scales * ramp(state.shape.num_knots, self.noise_ramp))


class TrajectoryOptimizer(Optimizer):
    """Base of the optimizers that look into the system: derivatives, feedback. A knot is a step of the model here."""

    expands_each_plan: ClassVar[bool] = True
    """True where every iteration takes derivatives along its plan; one that is solved once at a setpoint takes a rollout."""

    @abstractmethod
    def init(self, shape: KnotShape) -> ControlState:
        """Return the state before the first plan."""

    def check(self, config: Config) -> str:
        """Return why the optimizer cannot work for a config: it refuses what it would ignore."""
        controller: Any = getattr(config, "controller", None)
        # The task's own choice is made for samplers; only what differs from it was asked for.
        own: Any = (
            type(config).model_fields["controller"].default if controller is not None else None
        )
        for field, plain in (("spline", "zero"), ("action_normalizer", "min_max")):
            asked = getattr(controller, field, plain)
            if asked not in (plain, "none", getattr(own, field, plain)):
                return (
                    f"the optimizer '{kind_of(type(self))}' chooses every control itself and has no use for controller.{field}={asked}; "
                    "leave it out, or choose a sampling optimizer"
                )
        return super().check(config)

    @abstractmethod
    def improve(self, state: ControlState, problem: PlanningProblem) -> float:
        """Improve the nominal plan once and return its reward."""
