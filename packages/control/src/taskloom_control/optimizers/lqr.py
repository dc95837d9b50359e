"""LQR: the optimal feedback of the system linearized at the task's setpoint, over the horizon.

The regulator is solved once, by the same backward pass as iLQR; a plan is the rollout of the true system under its feedback,
with the controls clipped. R. Kalman, "Contributions to the theory of optimal control" (1960).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.optimizers.backward import backward_pass
from taskloom_control.optimizers.controls import ControlState
from taskloom_control.optimizers.linear import Expansion, LocalModel, Trajectory

if TYPE_CHECKING:
    from taskloom_control.optimizers.base import Shape
    from taskloom_control.optimizers.config import Lqr
    from taskloom_control.planning.problem import Problem


class LinearQuadratic(ControlState):
    """The trajectory optimizer that `Lqr` configures."""

    def __init__(self, config: Lqr, shape: Shape) -> None:
        super().__init__(shape)
        self._config = config
        self._local: LocalModel | None = None

    def improve(self, problem: Problem) -> float:
        """Roll out the feedback from the current state; return the reward."""
        if self._local is None:
            self._local = LocalModel(problem, self._config.epsilon)
        if not self.kept:
            self.kept = self._solve(problem, self._local)
        kept, nothing = self.kept, np.zeros((0, 0))
        target = Trajectory(nothing, kept["qpos"], kept["rest"], kept["controls"], nothing, 0.0)
        path = self._local.simulate(kept["controls"], target, kept["gains"])
        if np.isfinite(path.cost):
            self.nominal = problem.normalizer.encode(path.controls)
        return -path.cost

    def _solve(self, problem: Problem, local: LocalModel) -> dict[str, np.ndarray]:
        """Expand at the setpoint and solve the regulator; return the target and the feedback around it."""
        steps = len(self.nominal)
        qpos, controls = problem.task.setpoint()
        single, drift = local.at(qpos, controls)
        model = local.expand(single)
        stacked = Expansion(**{k: np.repeat(v, steps, axis=0) for k, v in vars(model).items()})
        free = np.full((steps, local.model.nu), np.inf)
        policy = backward_pass(stacked, np.tile(drift, (steps, 1)), -free, free, 0.0)
        if policy is None:
            raise PlanError(
                f"LQR cannot be used for {type(problem.task).__name__}: at its setpoint the cost is not convex in the controls."
            )
        return {
            "qpos": np.tile(single.qpos[1], (steps + 1, 1)),
            "rest": np.tile(single.rest[1], (steps + 1, 1)),
            "controls": np.tile(controls, (steps, 1)) + policy.steps,
            "gains": policy.gains,
        }
