"""Inference over continuous parameters of a user: on a grid, or with weighted particles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from taskloom_hci.errors import HciError
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.inference.exact import ExactInference, hypotheses, normalise
from taskloom_hci.inference.goal import OnZero
from taskloom_hci.models.model import UserModel, action_index, score
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream

Float: TypeAlias = NDArray[np.float64]


class GridInference(ExactInference):
    """Exact inference on a grid over parameters.

    Args:
        model: How the user acts.
        key: Name of the belief in the agent's state.
        on_zero: What to do about an action that every grid point rules out.
        axes: The values of every parameter.
    """

    def __init__(
        self,
        model: UserModel,
        *,
        key: str = "log_beliefs",
        on_zero: OnZero = "raise",
        **axes: ArrayLike,
    ) -> None:
        super().__init__(model, hypotheses(**axes), key=key, on_zero=on_zero)

    def mean(self, log_beliefs: Float, name: str) -> float:
        """Return the posterior mean of a parameter."""
        return float(np.exp(log_beliefs) @ self.theta[name])


def systematic(weights: Float, u: float) -> NDArray[np.int64]:
    """Return the indices (N,) of N survivors: particle i about N w_i times (Kitagawa, JCGS 5(1), 1996).

    Args:
        weights: Probabilities (N,).
        u: One uniform number.
    """
    # One uniform number for all: the counts differ from N w by less than 1, where independent draws differ by its root.
    edges = np.cumsum(weights)
    # Scaled by the last edge, which rounding leaves beside 1; the minimum catches a point on that edge.
    points = (np.arange(len(weights)) + u) / len(weights) * edges[-1]
    return np.asarray(np.minimum(np.searchsorted(edges, points, side="right"), len(weights) - 1))


class ParticleInference(InferenceEngine):
    """Weighted particles over parameters, resampled and shaken when too few of them carry the weight.

    The agent's state needs `particles` (N, P), one column a parameter, and `log_weights` (N,).

    Args:
        model: How the user acts.
        names: Names of the parameters, in the order of the columns.
        low: Lowest value of each (P,).
        high: Highest value of each (P,).
        share: Resample when the effective number of particles falls below this share of them.
        jitter: Standard deviation of the shaking, as a share of the spread of the particles.
        on_zero: What to do about an action that every particle rules out.
    """

    def __init__(
        self,
        model: UserModel,
        names: tuple[str, ...],
        low: ArrayLike,
        high: ArrayLike,
        *,
        share: float = 0.5,
        jitter: float = 0.1,
        on_zero: OnZero = "raise",
    ) -> None:
        self.model, self.names, self.share, self.jitter = model, names, share, jitter
        self.low, self.high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        self.on_zero: OnZero = on_zero
        if not (self.low.shape == self.high.shape == (len(names),)):
            raise HciError(f"The bounds of {len(names)} parameters have the shape ({len(names)},).")

    def first(self, count: int, stream: Stream) -> Float:
        """Return particles (count, P) drawn uniformly between the bounds."""
        draws = stream.uniforms(count * len(self.names)).reshape(count, len(self.names))
        return self.low + draws * (self.high - self.low)

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        particles, log_weights = state["particles"], state["log_weights"]
        theta = {name: particles[:, i] for i, name in enumerate(self.names)}
        index = action_index(self.model, observation["user_action"]["action"])
        seen = self.model.observation_of(observation)
        likelihood = score(self.model, seen, theta, np.full(len(particles), index), is_over=False)
        log_weights, _ = normalise(log_weights + likelihood, self.on_zero)
        weights = np.exp(log_weights)
        # Kish's effective number. Resampling adds noise, so it waits until too few particles carry the weight.
        if 1.0 / (weights**2).sum() >= self.share * len(weights):
            return {"log_weights": log_weights}, 0.0
        # Of the weighted particles; rounding may leave a variance a little below zero.
        spread = np.sqrt(np.maximum(weights @ particles**2 - (weights @ particles) ** 2, 0.0))
        survivors = particles[systematic(weights, stream.uniform())]
        noise = stream.normals(survivors.size).reshape(survivors.shape)
        # Copies of one particle would never part again without the shaking (roughening; Gordon et al., 1993).
        moved = np.clip(survivors + self.jitter * spread * noise, self.low, self.high)
        return {
            "particles": moved,
            "log_weights": np.full(len(weights), -np.log(len(weights))),
        }, 0.0
