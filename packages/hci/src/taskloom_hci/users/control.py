"""Users who control a linear system: by the state as it is, or by an estimate from noisy observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.accelerated.exact_linear import quadratic, terms, times
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.inference.kalman import SteadyKalman
from taskloom_hci.motor.lqg import LQGProblem, solve_lqg
from taskloom_hci.motor.riccati import require_stable
from taskloom_hci.observation.engine import ObservationEngine
from taskloom_hci.policies.feedback import LinearFeedback
from taskloom_hci.state.elements import array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream

Matrix = NDArray[np.float64]


class CostlyView(ObservationEngine):
    """Sees the state as it is; the reward is `-x'Qx - u'Ru` with the control before.

    Args:
        Q: Cost of the state (n, n).
        R: Cost of the control (m, m).
    """

    def __init__(self, Q: Matrix, R: Matrix) -> None:
        self.state_cost, self.control_cost = terms(-Q), terms(-R)

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        del stream
        return game_state, self.reward(game_state)

    def reward(self, game_state: StateTree) -> float:
        """Return the reward of a game state."""
        x = np.asarray(game_state["task_state"]["x"])[:, None]
        u = np.asarray(game_state["user_action"]["action"], dtype=np.float64)[:, None]
        return float(quadratic(self.state_cost, x)[0] + quadratic(self.control_cost, u)[0])


class NoisyView(CostlyView):
    """Sees increments `dy = C x dt + D dxi` instead of the state; the variance of `dxi` is the time step.

    Args:
        problem: The system.
        dt: Length of a step [s].
        noise: Whether there is noise.
    """

    def __init__(self, problem: LQGProblem, dt: float, *, noise: bool = True) -> None:
        super().__init__(problem.Q, problem.R)
        self.signal = terms(problem.C * dt)
        # Channels that carry no noise take no random numbers.
        channels = problem.D[:, np.any(problem.D != 0.0, axis=0)] * (np.sqrt(dt) if noise else 0.0)
        self.num_draws = channels.shape[1] if noise else 0
        self.noise = terms(channels)

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        draws = stream.normals(self.num_draws)[:, None]
        dy = self.increments(np.asarray(game_state["task_state"]["x"])[:, None], draws)[:, 0]
        dy.flags.writeable = False
        seen = {**game_state, "task_state": {"dy": dy}}
        return seen, self.reward(game_state)

    def increments(self, x: Matrix, draws: Matrix) -> Matrix:
        """Return the increments (p, k) seen in states (n, k), from normal numbers (num_draws, k)."""
        dy = times(self.signal, x)
        if self.num_draws:
            dy += times(self.noise, draws)
        return dy


class LQRUser(Agent):
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


class LQGUser(Agent):
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
