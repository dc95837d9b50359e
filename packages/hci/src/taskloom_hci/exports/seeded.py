"""The base of many games that step together: their seeds, their starts and what happens at their ends."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.errors import HciError
from taskloom_hci.exports.common import Opening, require_opening, seed_of
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.exports.spaces import ActionCode, observation_space
from taskloom_hci.state.streams import UInt64, stream_base
from taskloom_hci.task import Role

Arrays: TypeAlias = dict[str, Any]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]

MODES = (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP)


class SeededGames(VectorEnv[Arrays, Any, Any], ABC):
    """Base of both: game `i` is seeded with `s + i`, and a game that ends starts anew within the same step or in the next.

    Args:
        bundle: The game.
        num_envs: How many games.
        seed: Root of all random numbers; by default the bundle's, and a fresh one if it has none.
        opening: Where the rewards go that were earned before the first step; see `GameEnv`.
        autoreset_mode: When a game that ended starts anew: `AutoresetMode.SAME_STEP` or `NEXT_STEP`.
    """

    train: Role

    def __init__(
        self,
        bundle: Bundle,
        num_envs: int,
        *,
        seed: int | None = None,
        opening: Opening = "first_step",
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
    ) -> None:
        if num_envs < 1:
            raise HciError(f"A vector environment has at least one game, not {num_envs}.")
        require_opening(opening)
        self._mode = _mode_of(autoreset_mode)
        # gymnasium's wrappers read the mode here.
        self.metadata = {"autoreset_mode": self._mode, "render_modes": []}
        self.bundle, self.num_envs = bundle, num_envs
        self.opening: Opening = opening
        learner = self._learner(bundle)
        bundle.reset(go_to=0, episode=0)
        self._code = ActionCode(learner.policy.element)
        self.single_observation_space = observation_space(bundle, learner)
        self.single_action_space = self._code.space
        bundle.episode = -1
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._given, self._seeds = seed, list[int]()
        self._bases: dict[str, UInt64] = {
            name: np.zeros(num_envs, np.uint64) for name in ("task", "user")
        }
        self._episode: Ints = np.full(num_envs, -1)
        self._waiting: Bools = np.zeros(num_envs, dtype=bool)
        self._owed: Floats = np.zeros(num_envs)
        self._prepare()

    @abstractmethod
    def _learner(self, bundle: Bundle) -> Agent:
        """Return the agent that learns, once it is known that the game plays as a vector.

        Raises:
            HciError: If it does not.
        """

    @abstractmethod
    def _prepare(self) -> None:
        """Make the arrays of all games."""

    @abstractmethod
    def _restart(self, rows: Ints) -> Floats:
        """Begin the next episode of some games (k,); return the eight rewards of their openings, (k, 8)."""

    @abstractmethod
    def _advance(self, actions: Any, playing: Bools) -> tuple[Floats, Bools, Bools]:
        """Play one round of the games that are playing; return rewards, ends and cuts of all, (n,) each."""

    @abstractmethod
    def _look(self) -> Arrays:
        """Return what the learner sees."""

    @abstractmethod
    def _state_of(self, row: int) -> dict[str, Any]:
        """Return the state of one game, as `Bundle.reset` takes it."""

    def game(self, row: int) -> GameEnv:
        """Return a copy of one game as it stands, as an environment of its own."""
        env = GameEnv(copy.deepcopy(self.bundle), self.train, opening=self.opening)
        if self._seeds:
            episode, owed = int(self._episode[row]), float(self._owed[row])
            env.stand(self._seeds[row], episode, self._state_of(row), owed)
        return env

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override] # one of every game, as SyncVectorEnv has it
        """The seeds of the games."""
        if self._seeds:
            return tuple(self._seeds)
        self._given = seed_of(self.bundle, self._given)
        return tuple(range(self._given, self._given + self.num_envs))

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Arrays, dict[str, Any]]:
        """Start all games, or those of `options["reset_mask"]` (n,); see `gymnasium.vector.VectorEnv.reset`.

        Raises:
            HciError: If the mask or the number of seeds does not fit, or another option is given; nothing is changed.
        """
        mask = self._mask_in(options)
        self._reseed(seed, mask)
        self._waiting[mask] = False
        rows = np.flatnonzero(mask)
        opening = self._begin(rows)
        return self._look(), {
            "episode_index": self._episode.copy(),
            "opening": opening,
            "_opening": mask,
        }

    def _mask_in(self, options: Mapping[str, Any] | None) -> Bools:
        others = sorted(set(options or {}) - {"reset_mask"})
        if others:
            raise HciError(
                f"A vector of games has no reset option '{others[0]}': it knows 'reset_mask' alone; GameEnv knows 'forced'."
            )
        if not options:
            return np.ones(self.num_envs, dtype=bool)
        mask = options["reset_mask"]
        fits = isinstance(mask, np.ndarray) and mask.shape == (self.num_envs,)
        if not fits or mask.dtype != np.bool_ or not mask.any():
            raise HciError(
                f"A reset mask is a boolean array ({self.num_envs},) in which at least one game is true."
            )
        return np.array(mask)

    def _reseed(self, seed: int | Sequence[int | None] | None, mask: Bools) -> None:
        if seed is None and self._seeds:
            return
        n = self.num_envs
        if seed is None or not self._seeds:
            first = list(self.np_random_seed)
            self._seeds = first
            self._root(range(n), first)
        if seed is None:
            return
        given = [seed + i for i in range(n)] if isinstance(seed, int) else list(seed)
        if len(given) != n:
            raise HciError(f"{n} games need {n} seeds, not {len(given)}.")
        rows = [i for i in range(n) if mask[i] and given[i] is not None]
        self._root(rows, [int(given[i]) for i in rows])  # type: ignore[arg-type] # no None is left

    def _root(self, rows: Sequence[int], seeds: Sequence[int]) -> None:
        for i, one in zip(rows, seeds, strict=True):
            self._seeds[i] = one
            self._episode[i] = -1
            for name, bases in self._bases.items():
                bases[i] = stream_base(one, name)

    def _begin(self, rows: Ints) -> Floats:
        """Begin the next episode of some games; return the openings of all, (n, 8), zero where none began."""
        opening = np.zeros((self.num_envs, len(REWARD_NAMES)))
        self._episode[rows] += 1
        opening[rows] = self._restart(rows)
        if self.opening == "first_step":
            self._owed[rows] = opening[rows].sum(axis=1)
        return opening

    def step(self, actions: Any) -> tuple[Arrays, Any, Any, Any, dict[str, Any]]:
        """Play one round of every game; see `gymnasium.vector.VectorEnv.step`."""
        anew = np.flatnonzero(self._waiting)
        rewards, done, truncated = self._advance(actions, ~self._waiting)
        rewards += self._owed
        self._owed[:] = 0.0
        info: dict[str, Any] = {}
        if len(anew):
            # The step after an end starts the game and does nothing else (gymnasium's NEXT_STEP).
            rewards[anew], done[anew], truncated[anew] = 0.0, False, False
            mask = self._waiting
            self._waiting = np.zeros(self.num_envs, dtype=bool)
            info = {"opening": self._begin(anew), "_opening": mask}
        over = done | truncated
        if not over.any():
            return self._look(), rewards, done, truncated, info
        if self._mode is AutoresetMode.NEXT_STEP:
            self._waiting = over
        else:
            info = self._finish(over)
        return self._look(), rewards, done, truncated, info

    def _finish(self, over: Bools) -> dict[str, Any]:
        ended = np.flatnonzero(over)
        last = {name: values[ended] for name, values in self._look().items()}
        final = np.full(self.num_envs, None, dtype=object)
        for k, row in enumerate(ended.tolist()):
            final[row] = {name: values[k] for name, values in last.items()}
        opening = self._begin(ended)
        return {
            "final_obs": final,
            "_final_obs": over,
            "opening": opening,
            "_opening": over.copy(),
        }

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of what the game holds."""
        del kwargs
        self.bundle.close()


def _mode_of(mode: AutoresetMode | str) -> AutoresetMode:
    found = next(
        (known for known in AutoresetMode if mode in {known, known.value, known.name}), None
    )
    if found not in MODES:
        raise HciError(
            f"A vector of games starts them anew by {' or '.join(known.name for known in MODES)}, not by {mode!r}: use "
            "gymnasium's SyncVectorEnv over GameEnv for other modes."
        )
    assert found is not None  # one of the two
    return found
