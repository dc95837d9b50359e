"""Noisy eyes: what they see, what follows from it, and where they look next (Chen et al., CHI 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.inference.kalman import gaussian_posterior
from taskloom_hci.observation.engine import ObservationEngine
from taskloom_hci.policies.policy import Policy, lapsing
from taskloom_hci.state.elements import Element, Value, array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream

Vector: TypeAlias = NDArray[np.float64]
NoiseLaw: TypeAlias = Literal["variance", "sd"]

ASPECT = 0.75  # across the line of sight the variance is this share of the one along it
PRIOR_VARIANCE, PRIOR_COVARIANCE = 1000.0, 100.0
NEAREST = 1e-6  # at the fixation itself nothing would be uncertain and no covariance invertible


def axes(vectors: Vector, noise: float, law: NoiseLaw) -> tuple[Vector, Vector]:
    """Return the standard deviations (..., d) along and across vectors, and the axes themselves as columns (..., d, d).

    Args:
        vectors: From fixations to points, (..., d).
        noise: The noise for a unit of length.
        law: What grows in proportion to the length.
    """
    length = np.maximum(np.sqrt(np.vecdot(vectors, vectors)), NEAREST)
    # In the literature the deviation is proportional to the distance; CoopIHC's model takes the variance.
    along = noise * length if law == "variance" else _squares(noise * length)
    if vectors.shape[-1] == 1:
        return np.sqrt(along)[..., None], np.broadcast_to(np.eye(1), (*length.shape, 1, 1))
    # At the fixation there is no line of sight; any axis will do, since the noise is next to nothing.
    nowhere = ~np.any(vectors, axis=-1)[..., None]
    direction = np.where(nowhere, np.array([1.0, 0.0]), vectors / length[..., None])
    across = np.stack([-direction[..., 1], direction[..., 0]], axis=-1)
    return np.sqrt(np.stack([along, ASPECT * along], axis=-1)), np.stack([direction, across], -1)


def _squares(x: Vector) -> Vector:
    """Return the squares as Python's power has them, which now and then differ from a product in the last bit."""
    return np.array([one**2 for one in np.ravel(x).tolist()]).reshape(np.shape(x))


def disturbed(vectors: Vector, noise: float, law: NoiseLaw, normals: Vector) -> Vector:
    """Return the noise (..., d) that standard normal numbers (..., d) are for vectors (..., d) of that length."""
    deviations, frames = axes(vectors, noise, law)
    return np.asarray((frames @ (deviations * normals)[..., None])[..., 0])


def disturb(vector: Vector, noise: float, law: NoiseLaw, stream: Stream) -> Vector:
    """Return Gaussian noise (d,) as a vector of that length has it."""
    # No random numbers are taken, so that an eye without motor noise leaves the stream to what it sees.
    if noise == 0.0:
        return np.zeros_like(vector)
    return disturbed(vector, noise, law, stream.normals(len(vector)))


def covariance(vectors: Vector, noise: float, law: NoiseLaw) -> Vector:
    """Return the covariance (..., d, d) of `disturbed`."""
    deviations, frames = axes(vectors, noise, law)
    spread = frames * (deviations**2)[..., None, :]
    return np.asarray(spread @ np.swapaxes(frames, -1, -2))


class BlurredView(ObservationEngine):
    """Sees the fixation as it is and the target with noise that grows with its eccentricity."""

    def __init__(self, noise: float, law: NoiseLaw) -> None:
        self.noise = noise
        self.law: NoiseLaw = law

    @override
    def observe(self, game_state: StateTree, stream: Stream) -> tuple[StateTree, float]:
        task = game_state["task_state"]
        eccentricity = task["target"] - task["fixation"]
        seen = task["target"] + disturb(eccentricity, self.noise, self.law, stream)
        seen.flags.writeable = False  # as every array of a snapshot
        return {**game_state, "task_state": {"fixation": task["fixation"], "target": seen}}, 0.0


class TargetInference(InferenceEngine):
    """Combines what was seen with what was believed; the eccentricity that it seems to have sets its weight."""

    def __init__(self, noise: float, law: NoiseLaw) -> None:
        self.noise = noise
        self.law: NoiseLaw = law

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        task = observation["task_state"]
        # The true eccentricity is hidden, and the seen one stands for it; where it seems smaller the belief is too sure.
        cov = covariance(task["target"] - task["fixation"], self.noise, self.law)
        mean, belief = gaussian_posterior(
            state["belief_mean"], state["belief_cov"], task["target"], cov
        )
        return {"belief_mean": mean, "belief_cov": belief}, 0.0


class Saccade(Policy):
    """Looks where the target is believed to be, with noise that grows with the length of the jump."""

    def __init__(self, element: Element, noise: float, law: NoiseLaw) -> None:
        self.element = element
        self.noise = noise
        self.law: NoiseLaw = law

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        aim = state["belief_mean"]
        jump = aim - observation["task_state"]["fixation"]
        return aim + disturb(jump, self.noise, self.law, stream), 0.0


def saccades(element: Element, noise: float, law: NoiseLaw, lapse: float) -> Policy:
    """Return the policy of eyes that jump where they believe the target to be, and now and then anywhere."""
    return lapsing(Saccade(element, noise, law), element, lapse)


def prior_belief(dimension: int) -> State:
    """Return the wide Gaussian belief of a user who has seen nothing: mean (d,) and covariance (d, d)."""
    d = dimension
    prior = np.full((d, d), PRIOR_COVARIANCE) + np.eye(d) * (PRIOR_VARIANCE - PRIOR_COVARIANCE)
    return State(
        belief_mean=array_element((d,), np.zeros(d)), belief_cov=array_element((d, d), prior)
    )
