"""Classic control with an LQG user for many episodes at once."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_linear import Terms, quadratic, times
from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.games.control import ClassicControl, Plant
from taskloom_hci.inference.kalman import SteadyKalman
from taskloom_hci.observation.linear import NoisyView
from taskloom_hci.policies.feedback import LinearFeedback
from taskloom_hci.state.streams import normals, stream_keys
from taskloom_hci.users.linear import LQGAgent

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]

CHUNK = 4096
MAX_ROUNDS = 100_000


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


def control_kernel(game: Bundle) -> ControlKernel | None:
    """Return the kernel of a classic control game, or None if its user has no description as arrays."""
    task, user = game.task, game.user
    if type(user) is not LQGAgent or type(task) is not ClassicControl or game.max_rounds is None:
        return None
    view, engine, policy = user.observation_engine, user.inference_engine, user.policy
    if (
        type(view) is not NoisyView
        or type(engine) is not SteadyKalman
        or type(policy) is not LinearFeedback
    ):
        return None
    parts = LoopParts(
        task.plant, view, engine, policy.gains[0], task.start, task.end, game.max_rounds
    )
    return ControlKernel(parts)


@dataclass(slots=True)
class Rollout:
    """What a chunk of n episodes over at most T steps gave.

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


class ControlKernel:
    """Plays classic control for many episodes at once.

    Args:
        parts: The system and its user.
    """

    compiled = True

    def __init__(self, parts: LoopParts) -> None:
        self.parts = parts

    def play(self, seed: int, episodes: Int, backend: Literal["numpy", "numba"]) -> Episodes:
        """Play the episodes; see `Kernel`."""
        played = []
        for chunk in np.array_split(episodes, max(1, -(-len(episodes) // CHUNK))):
            if backend == "numba":
                # numba takes a second to import; only those who ask for it pay.
                from taskloom_hci.accelerated.control_numba import roll_out_compiled

                rollout = roll_out_compiled(self.parts, seed, chunk)
            else:
                rollout = roll_out(self.parts, seed, chunk)
            played.append(assemble(chunk, rollout))
        return join(played)


def roll_out(parts: LoopParts, seed: int, episodes: Int) -> Rollout:
    """Play one chunk in NumPy, all episodes side by side."""
    n, steps = len(episodes), parts.max_rounds
    task, user = (stream_keys(seed, name, episodes) for name in ("task", "user"))
    x = np.repeat(parts.start[:, None], n, axis=1)
    estimate = x.copy()
    u = np.zeros((len(parts.feedback), n))
    alive = np.ones(n, dtype=bool)
    out = Rollout(
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


def assemble(episodes: Int, out: Rollout) -> Episodes:
    """Return the episodes as the loop would have recorded them."""
    lengths = out.num_rounds
    steps = int(lengths.max())
    kept = np.arange(steps) < lengths[:, None]  # (n, T): episode by episode, step by step

    def rows(array: Float) -> Any:
        return np.moveaxis(array[:steps], -1, 0)[kept]

    rewards = np.zeros((len(episodes), len(REWARD_NAMES)))
    rewards[:, 0], rewards[:, 1] = out.observed, out.inferred
    return Episodes(
        episode=episodes,
        num_rounds=lengths,
        is_done=out.is_done,
        truncated=~out.is_done,
        rewards=rewards,
        fixed={},
        rounds={
            "task_state__x": rows(out.x),
            "user_state__estimate": rows(out.estimate),
            "user_action": rows(out.u),
        },
    )
