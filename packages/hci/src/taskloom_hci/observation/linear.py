"""Views of a linear system: the state as it is, or noisy increments of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.accelerated.exact_linear import quadratic, terms, times
from taskloom_hci.motor.lqg import LQGProblem
from taskloom_hci.observation.engine import ObservationEngine
from taskloom_hci.state.state import StateTree
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
