"""The agents who control a linear system: by the state as it is, or by an estimate from noisy observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.inference.kalman import SteadyKalman
from taskloom_hci.motor.lqg import LQGProblem, solve_lqg
from taskloom_hci.motor.riccati import require_stable
from taskloom_hci.observation.linear import CostlyView, NoisyView
from taskloom_hci.policies.feedback import LinearFeedback
from taskloom_hci.policies.policy import lapsing
from taskloom_hci.state.elements import array_element
from taskloom_hci.state.state import State

if TYPE_CHECKING:
    from taskloom_hci.users.base import User

Matrix = NDArray[np.float64]


def problem_of(user: User, task: ClassicControl) -> LQGProblem:
    """Return the system of a game with its costs.

    Raises:
        BundleConstraintError: If it has none, so that nothing can be optimal in it.
    """
    if task.problem is None:
        raise BundleConstraintError([user.misfit(type(task).__name__)])
    return task.problem


def lapsing_control(agent: Agent, lapse: float, reach: float) -> Agent:
    """Return an agent who now and then does anything between -`reach` and `reach` with every control."""
    shape = agent.policy.element.space.shape or ()
    any_control = array_element(shape, np.zeros(shape), low=-reach, high=reach)
    agent.policy = lapsing(agent.policy, any_control, lapse)
    return agent


class LQRAgent(Agent):
    """Sees the state and does `u = -K x`.

    Args:
        task: The system it will control.
        gain: `K` (m, n), or one for every step (T, m, n).
        Q: Cost of the state (n, n).
        R: Cost of the control (m, m).

    Raises:
        UnstableGainError: If a constant gain does not stabilise the system.
    """

    def __init__(self, task: ClassicControl, gain: Matrix, Q: Matrix, R: Matrix) -> None:
        if np.ndim(gain) == 2:
            step = np.eye(task.num_states) + task.timestep * (task.A - task.B @ gain)
            require_stable(step, "discrete", "the user's gain")
        super().__init__(
            "user", policy=LinearFeedback(task.user_element(), gain), observation=CostlyView(Q, R)
        )


class LQGAgent(Agent):
    """Sees noisy increments, keeps an estimate `x^` and does `u = -L x^`.

    Args:
        task: The system it will control.
        problem: The same system with its noise and costs.
        noise: Whether its observations are noisy.

    Raises:
        UnstableGainError: If Euler's steps of the task's length are unstable with these gains.
    """

    def __init__(self, task: ClassicControl, problem: LQGProblem, *, noise: bool = True) -> None:
        gains = solve_lqg(problem)
        dt, n = task.timestep, task.num_states
        for name, closed in (
            ("feedback", problem.A - problem.B @ gains.L),
            ("filter gain", problem.A - gains.K @ problem.C),
        ):
            require_stable(
                np.eye(n) + dt * closed, "discrete", f"the {name} at a time step of {dt} s"
            )
        super().__init__(
            "user",
            policy=LinearFeedback(task.user_element(), gains.L, part="own", key="estimate"),
            state=State(estimate=array_element((n,), task.start)),
            observation=NoisyView(problem, dt, noise=noise),
            inference=SteadyKalman(problem.A, problem.B, problem.C, gains.K, dt, problem.U),
        )
        self.gains = gains
