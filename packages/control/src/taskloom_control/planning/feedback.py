"""Feedback between two plans: the gains of a plan, and the trajectory that they are around.

    u(t) = clip(u_k + K_k (x(t) - x_k)),   k = floor((t - t_0) / dt)

The difference of two states is a tangent vector (MuJoCo's `mj_differentiatePos` for positions), activations included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import mujoco
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    from taskloom_control.optimizers.base import PlanState
    from taskloom_control.optimizers.controls import ControlState
    from taskloom_control.optimizers.ilqr import ILQR
    from taskloom_control.planning.problem import PlanningProblem

# Clocks are sums of steps in floating point: a moment this share of a step before the next one belongs to the next one.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Feedback:
    """Gains around the trajectory that a plan is expected to follow.

    Attributes:
        model: The planning model.
        begin: Time of the first state [s].
        dt: Length of a step [s].
        qpos: Positions before every step, shape (T + 1, nq).
        rest: Velocities and activations likewise, shape (T + 1, nv + na).
        gains: Change of the controls by change of the state, shape (T, nu, 2 nv + na).
    """

    model: mujoco.MjModel
    begin: float
    dt: float
    qpos: Float[np.ndarray, "T1 nq"]
    rest: Float[np.ndarray, "T1 r"]
    gains: Float[np.ndarray, "T nu n"]

    def step_at(self, moment: float) -> int | None:
        """Return the number of the step at a time [s]; None before the first and after the last."""
        k = math.floor((moment - self.begin) / self.dt + _ROUNDING)
        return k if 0 <= k < len(self.gains) else None

    def at(self, moment: float) -> Float[np.ndarray, "nu n"]:
        """Return the gains at a time [s]; zero where the plan says nothing."""
        k = self.step_at(moment)
        return np.zeros(self.gains.shape[1:]) if k is None else self.gains[k]

    def correction(
        self, moment: float, qpos: Float[np.ndarray, " nq"], rest: Float[np.ndarray, " r"]
    ) -> Float[np.ndarray, " nu"]:
        """Return what a state adds to the controls at a time.

        Args:
            moment: The time [s].
            qpos: Positions as they are.
            rest: Velocities and activations as they are.
        """
        k = self.step_at(moment)
        if k is None:
            return np.zeros(self.gains.shape[1])
        step = np.empty(self.model.nv)
        mujoco.mj_differentiatePos(self.model, step, 1.0, self.qpos[k], qpos)
        return np.asarray(self.gains[k] @ np.concatenate([step, rest - self.rest[k]]))


def feedback_of(optimizer: ILQR, state: PlanState, problem: PlanningProblem) -> Feedback | None:
    """Return the gains around a plan as it will be executed; None if it has no local model.

    Args:
        optimizer: The optimizer that made the plan.
        state: Its memory, with the plan.
        problem: The problem that it was made for.
    """
    found = optimizer.feedback(cast("ControlState", state), problem)
    if found is None:
        return None
    path, gains = found
    task = problem.task
    return Feedback(task.model, problem.snapshot.time, task.dt, path.qpos, path.rest, gains)
