"""iLQR with box constraints along MuJoCo's transition derivatives.

Y. Tassa, T. Erez and E. Todorov, "Synthesis and stabilization of complex behaviors through online trajectory optimization",
IROS 2012 (iterations, regularization), and the control bounds of Tassa et al., ICRA 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taskloom_control.optimizers.backward import Policy, backward_pass
from taskloom_control.optimizers.controls import ControlState
from taskloom_control.optimizers.linear import LocalModel, Trajectory

if TYPE_CHECKING:
    from taskloom_control.optimizers.base import Shape
    from taskloom_control.optimizers.config import Ilqr
    from taskloom_control.planning.problem import Problem

_LARGEST = 1e10
_GROWTH = 10.0
# A step has to bring this share of what the local model expects.
_ACCEPTED = 1e-4


class IterativeLqr(ControlState):
    """The trajectory optimizer that `Ilqr` configures."""

    def __init__(self, config: Ilqr, shape: Shape) -> None:
        super().__init__(shape, config.regularization)
        self._config = config
        self._local: LocalModel | None = None

    def improve(self, problem: Problem) -> float:
        """Expand around the nominal plan, solve, and search along the solution; return the reward of the result."""
        if self._local is None:
            self._local = LocalModel(problem, self._config.epsilon)
        path = self._local.simulate(problem.normalizer.decode(self.nominal))
        if not np.isfinite(path.cost):
            path = self._local.simulate(
                np.clip(np.zeros_like(path.controls), problem.low, problem.high)
            )
        better = self._step(self._local, problem, path) if np.isfinite(path.cost) else path
        self.nominal = problem.normalizer.encode(better.controls)
        return -better.cost

    def _step(self, local: LocalModel, problem: Problem, path: Trajectory) -> Trajectory:
        """Return a better trajectory, or the same one if there is none."""
        model = local.expand(path)
        low, high = problem.low - path.controls, problem.high - path.controls
        still = np.zeros((len(path.controls), local.size))
        while self.regularization <= _LARGEST:
            policy = backward_pass(model, still, low, high, self.regularization)
            if policy is not None:
                found = self._search(local, path, policy)
                if found is not None:
                    self.regularization = max(self.regularization / _GROWTH, self._start)
                    return found
                if policy.expected > -1e-14 * abs(path.cost):
                    return path  # nothing left to gain
            self.regularization = max(self.regularization, 1e-6) * _GROWTH
        self.regularization = self._start
        return path

    def _search(self, local: LocalModel, path: Trajectory, policy: Policy) -> Trajectory | None:
        """Return the first rollout along the step, halved again and again, that is better by a fair share."""
        size = 1.0
        for _ in range(self._config.line_search):
            candidate = local.simulate(path.controls + size * policy.steps, path, policy.gains)
            expected = size * (2 - size) * policy.expected
            if candidate.cost < path.cost + min(_ACCEPTED * expected, 0.0):
                return candidate
            size *= 0.5
        return None
