"""The kernel of classic control: a system and its LQG user as arrays, if they can be, played by the thousand."""

# ruff: noqa: ANN401 -- columns of episodes hold numbers of any type

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from taskloom_hci.accelerated import compiled
from taskloom_hci.accelerated.control import ControlRollout, Float, Int, LoopParts, roll_out
from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.inference.kalman import SteadyKalman
from taskloom_hci.observation.linear import NoisyView
from taskloom_hci.policies.feedback import LinearFeedback
from taskloom_hci.users.linear import LQGAgent

CHUNK = 4096  # episodes at a time: a chunk keeps all its steps in memory


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
                rollout = compiled.roll_out_compiled(self.parts, seed, chunk)
            else:
                rollout = roll_out(self.parts, seed, chunk)
            played.append(assemble(chunk, rollout))
        return join(played)


def assemble(episodes: Int, out: ControlRollout) -> Episodes:
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
