"""Classic control with an LQG user for many episodes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_linear import Terms, quadratic, times
from taskloom_hci.games.control import Plant
from taskloom_hci.inference.kalman import SteadyKalman
from taskloom_hci.observation.linear import NoisyView
from taskloom_hci.state.streams import normals, stream_keys

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LoopParts:
    """A system and the user who controls it, as terms."""

    plant: Plant
    view: NoisyView
    filter: SteadyKalman
    feedback: Terms
    start: Float
    end: Float | None
    max_rounds: int


@dataclass(slots=True)
class ControlRollout:
    """Outcome of a chunk of n episodes over at most T steps.

    Attributes:
        x: States before each step (T, states, n).
        u: Controls (T, controls, n).
        estimate: Estimates of the user before it looked (T, states, n).
        num_rounds: Steps of each episode (n,).
        is_done: Whether it came to rest (n,).
        observed: Sum of the observation rewards (n,).
        inferred: Sum of the inference rewards (n,).
    """

    x: Float
    u: Float
    estimate: Float
    num_rounds: Int
    is_done: NDArray[np.bool_]
    observed: Float
    inferred: Float


def roll_out(parts: LoopParts, seed: int, episodes: Int) -> ControlRollout:
    """Play one chunk in NumPy, all episodes side by side."""
    n, steps = len(episodes), parts.max_rounds
    task, user = (stream_keys(seed, name, episodes) for name in ("task", "user"))
    x = np.repeat(parts.start[:, None], n, axis=1)
    estimate = x.copy()
    u = np.zeros((len(parts.feedback), n))
    alive = np.ones(n, dtype=bool)
    out = ControlRollout(
        np.zeros((steps, *x.shape)),
        np.zeros((steps, *u.shape)),
        np.zeros((steps, *x.shape)),
        np.full(n, steps),
        np.zeros(n, dtype=bool),
        np.zeros(n),
        np.zeros(n),
    )
    view, plant = parts.view, parts.plant
    seen, moved = np.arange(view.num_draws), np.arange(plant.num_draws)
    for r in range(steps):
        out.x[r], out.estimate[r] = x, estimate
        dy = view.increments(x, normals(user, (r * view.num_draws + seen)[:, None]))
        out.observed += alive * (quadratic(view.state_cost, x) + quadratic(view.control_cost, u))
        out.inferred += alive * quadratic(parts.filter.cost, x - estimate)
        estimate = parts.filter.advance(estimate, u, dy)
        u = times(parts.feedback, estimate)
        x = plant.advance(x, u, normals(task, (r * plant.num_draws + moved)[:, None]))
        out.u[r] = u
        if parts.end is not None:
            done = alive & np.all(np.abs(x) <= parts.end[:, None], axis=0)
            out.num_rounds[done] = r + 1
            out.is_done |= done
            alive &= ~done
            if not alive.any():
                break
    return out
