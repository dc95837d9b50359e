"""Visual search for many episodes at once: the eyes of `policies.gaze`, side by side."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated import compiled
from taskloom_hci.batch.episodes import Episodes, join
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.games.gaze import Gaze, targets_at
from taskloom_hci.inference.kalman import gaussian_posterior
from taskloom_hci.policies.gaze import (
    BlurredView,
    NoiseLaw,
    Saccade,
    TargetInference,
    covariance,
    disturbed,
)
from taskloom_hci.state.streams import normals, stream_keys, uniforms

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

CHUNK = 4096  # episodes at a time: the arrays of one fixation stay in the cache


def gaze_kernel(game: Bundle) -> GazeKernel | None:
    """Return the kernel of a visual search, or None if its user has no description as arrays."""
    task, user = game.task, game.user
    if type(task) is not Gaze or type(user) is not Agent or game.max_rounds is None:
        return None
    view, engine, policy = user.observation_engine, user.inference_engine, user.policy
    if (
        type(view) is not BlurredView
        or type(engine) is not TargetInference
        or type(policy) is not Saccade
    ):
        return None
    eyes: tuple[tuple[float, NoiseLaw], ...] = (
        (view.noise, view.law),
        (engine.noise, engine.law),
        (policy.noise, policy.law),
    )
    prior = tuple(np.asarray(user.state.element(key).init) for key in ("belief_mean", "belief_cov"))
    return GazeKernel(task, eyes, prior, game.max_rounds)


class GazeKernel:
    """Plays visual searches for many episodes at once.

    Args:
        task: The task.
        eyes: Noise and its law in what is seen, in what is concluded from it, and in where the eyes jump.
        prior: What the user believes before it has seen anything: mean (d,) and covariance (d, d).
        max_rounds: Fixations after which an episode is cut off.
    """

    def __init__(
        self,
        task: Gaze,
        eyes: tuple[tuple[float, NoiseLaw], ...],
        prior: tuple[Float, ...],
        max_rounds: int,
    ) -> None:
        self.task, self.prior, self.max_rounds = task, prior, max_rounds
        self.seeing, self.thinking, self.moving = self.eyes = eyes
        # On a line NumPy has hardly anything to do, and a square as Python's power has it is not compiled.
        self.compiled = task.dimension == 2 and all(law == "variance" for _, law in eyes)

    def play(self, seed: int, episodes: Int, backend: Literal["numpy", "numba"]) -> Episodes:
        """Play the episodes; see `Kernel`."""
        parts = np.array_split(episodes, max(1, -(-len(episodes) // CHUNK)))
        # The same trajectories either way: where its sums would differ, NumPy plays.
        if backend == "numba" and compiled.agrees():
            return join([self._play_compiled(seed, part) for part in parts])
        return join([self._play(seed, part) for part in parts])

    def _targets(self, seed: int, episodes: Int) -> Float:
        return targets_at(self.task, uniforms(stream_keys(seed, "task", episodes), 0))

    def _play_compiled(self, seed: int, episodes: Int) -> Episodes:
        targets = self._targets(seed, episodes)
        mean, cov = (tuple(part.ravel().tolist()) for part in self.prior)
        num_rounds, is_done, columns = compiled.search_compiled(
            stream_keys(seed, "user", episodes),
            targets,
            (mean, cov),
            tuple(float(noise) for noise, _ in self.eyes),
            (self.task.width / 2.0, self.task.threshold),
            self.max_rounds,
        )
        return _assembled(episodes, num_rounds, is_done, targets, columns)

    def _play(self, seed: int, episodes: Int) -> Episodes:
        n, d = len(episodes), self.task.dimension
        draws = _Draws(stream_keys(seed, "user", episodes), d)
        targets = self._targets(seed, episodes)
        num_rounds, is_done = np.full(n, self.max_rounds), np.zeros(n, dtype=bool)
        alive, target, fixation = np.arange(n), targets, np.zeros((n, d))
        mean, cov = (np.repeat(part[None], n, axis=0) for part in self.prior)
        rows: list[tuple[Any, ...]] = []
        for r in range(self.max_rounds):
            before = (alive, fixation, mean, cov)
            seen = target + draws.disturb(target - fixation, *self.seeing, alive)
            noise = covariance(seen - fixation, *self.thinking)
            mean, cov = gaussian_posterior(mean, cov, seen, noise)
            look = mean + draws.disturb(mean - fixation, *self.moving, alive)
            fixation = np.clip(look, -1.0, 1.0)
            rows.append((*before, fixation))
            done = self.task.is_found(fixation, target)
            num_rounds[alive[done]], is_done[alive[done]] = r + 1, True
            kept = ~done
            alive, target, fixation = alive[kept], target[kept], fixation[kept]
            mean, cov = mean[kept], cov[kept]
            if not len(alive):
                break
        episode, places, means, covs, looks = (
            np.concatenate(column) for column in zip(*rows, strict=True)
        )
        order = np.argsort(episode, kind="stable")
        columns = {
            "task_state__fixation": places[order],
            "user_state__belief_mean": means[order],
            "user_state__belief_cov": covs[order],
            "user_action": looks[order],
        }
        return _assembled(episodes, num_rounds, is_done, targets, columns)


def _assembled(
    episodes: Int, num_rounds: Int, is_done: Bool, targets: Float, rounds: dict[str, Any]
) -> Episodes:
    """Return the episodes as the loop would have recorded them."""
    rewards = np.zeros((len(episodes), len(REWARD_NAMES)))
    rewards[:, REWARD_NAMES.index("first_task_reward")] = -num_rounds.astype(np.float64)
    return Episodes(
        episode=episodes,
        num_rounds=num_rounds,
        is_done=is_done,
        truncated=~is_done,
        rewards=rewards,
        fixed={"task_state__target": targets},
        rounds=rounds,
    )


class _Draws:
    """The normal numbers of all users, by position in their streams: eyes without noise take none."""

    def __init__(self, keys: NDArray[np.uint64], dimension: int) -> None:
        self.keys, self.steps, self.used = keys, np.arange(dimension), 0

    def disturb(self, vectors: Float, noise: float, law: NoiseLaw, rows: Int) -> Float:
        """Return what `policies.gaze.disturb` draws for games (k,)."""
        if noise == 0.0:
            return np.zeros_like(vectors)
        numbers = normals(self.keys[rows][:, None], self.used + self.steps)
        self.used += len(self.steps)
        return disturbed(vectors, noise, law, numbers)
