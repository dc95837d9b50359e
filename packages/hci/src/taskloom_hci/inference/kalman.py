"""Estimating a state from noisy observations of it: the Kalman filter, and the Gaussian posterior."""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.accelerated.exact_linear import quadratic, terms, times
from taskloom_hci.errors import HciError
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.motor.riccati import require_stable
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream

if TYPE_CHECKING:
    from taskloom_hci.task import Participant

Matrix = NDArray[np.float64]


class SteadyKalman(InferenceEngine):
    """The steady-state Kalman filter in continuous time, over steps of length `dt`.

        x^ <- x^ + (A x^ + B u) dt + K (dy - C x^ dt)

    The reward is `-(x - x^)' U (x - x^)`, from the true state before this observation is used.

    Args:
        A: Dynamics (n, n) [1/s].
        B: Control (n, m).
        C: Observation (p, n).
        K: Filter gain (n, p).
        dt: Length of a step [s].
        U: Cost of the error (n, n); by default none.

    Raises:
        UnstableGainError: If the filter forgets nothing: `A - K C` is not stable.
    """

    def __init__(
        self, A: Matrix, B: Matrix, C: Matrix, K: Matrix, dt: float, U: Matrix | None = None
    ) -> None:
        require_stable(A - K @ C, "continuous", "the filter gain")
        # One matrix for `x^ + (A - K C) x^ dt`, as sums in a fixed order: the compiled games add the same terms.
        self.blend = terms(np.eye(len(A)) + (A - K @ C) * dt)
        self.drive = terms(B * dt)
        self.gain = terms(K)
        self.cost = terms(np.zeros_like(A) if U is None else -U)
        self._agent: Participant | None = None

    @override
    def bind(self, agent: Participant) -> None:
        self._agent = agent

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        if self._agent is None:
            raise HciError("A Kalman filter needs to be part of an agent in a bundle.")
        estimate = state["estimate"][:, None]
        # The cost of the error is known to the experimenter, not to the agent: it is a reward and not an observation.
        error = self._agent.game.task.state["x"][:, None] - estimate
        control = np.asarray(observation[f"{self._agent.role}_action"]["action"], dtype=np.float64)[
            :, None
        ]
        after = self.advance(estimate, control, observation["task_state"]["dy"][:, None])
        return {"estimate": after[:, 0]}, float(quadratic(self.cost, error)[0])

    def advance(self, estimate: Matrix, control: Matrix, dy: Matrix) -> Matrix:
        """Return the next estimates (n, k) from estimates, controls (m, k) and observed increments (p, k)."""
        return times(self.blend, estimate) + times(self.drive, control) + times(self.gain, dy)


def gaussian_posterior(
    prior_mean: Matrix, prior_cov: Matrix, observed: Matrix, noise_cov: Matrix
) -> tuple[Matrix, Matrix]:
    """Return mean (..., k) and covariance (..., k, k) of `N(prior)` after seeing `observed ~ N(x, noise_cov)`.

    cov  = (prior_cov^-1 + noise_cov^-1)^-1,    mean = cov (noise_cov^-1 y + prior_cov^-1 mean)
    """
    # Precisions add. Inverting k x k matrices is no loss here: k is 1 or 2, and the covariances are far from singular.
    prior_precision, noise_precision = np.linalg.inv(prior_cov), np.linalg.inv(noise_cov)
    cov: Matrix = np.asarray(np.linalg.inv(prior_precision + noise_precision), dtype=np.float64)
    weighted = noise_precision @ observed[..., None] + prior_precision @ prior_mean[..., None]
    return (cov @ weighted)[..., 0], cov


class GaussianInference(InferenceEngine):
    """Updates a Gaussian belief by an observation with known noise; see `gaussian_posterior`.

    Reads `belief_mean`, `belief_cov` and `noise_cov` of the agent's state and writes the first two.

    Args:
        part: The part of the observation with what was seen.
        key: Its name there.
    """

    def __init__(self, part: str = "task_state", key: str = "y") -> None:
        self.part, self.key = part, key

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        seen = np.atleast_1d(np.asarray(observation[self.part][self.key], dtype=np.float64))
        mean, cov = gaussian_posterior(
            state["belief_mean"], state["belief_cov"], seen, state["noise_cov"]
        )
        return {"belief_mean": mean, "belief_cov": cov}, 0.0
