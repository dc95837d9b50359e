"""Many pointing games that step together, as gymnasium vector environments: the user learns, or the assistant."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from taskloom_hci.accelerated.pointing import Int
from taskloom_hci.accelerated.pointing_kernel import PointingKernel
from taskloom_hci.accelerated.pointing_numpy import assist, draw_cells, draw_ranks
from taskloom_hci.batch.kernels import kernel_of
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.exports.spaces import ActionCode, observation_space
from taskloom_hci.inference.goal import uniform_beliefs
from taskloom_hci.state.streams import keys_of, stream_base

Arrays = dict[str, Any]


class SeededGames(VectorEnv[Arrays, Any, Any], ABC):
    """Base of both: game `i` is seeded with `s + i`, and a game that ends starts anew within the same step."""

    metadata: dict[str, Any] = {  # noqa: RUF012 -- gymnasium declares it so
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": [],
    }

    _seed: int

    @abstractmethod
    def _start(self, seeds: Sequence[int]) -> None:
        """Seed every game."""

    @abstractmethod
    def _restart(self, rows: Int) -> None:
        """Begin the next episode of some games."""

    @abstractmethod
    def _look(self) -> Arrays:
        """Return what the learner sees."""

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Arrays, dict[str, Any]]:
        """Start all games; see `gymnasium.vector.VectorEnv.reset`."""
        del options
        if isinstance(seed, int):
            self._seed = seed
            self._start(range(seed, seed + self.num_envs))
        elif seed is not None:
            self._start([one if one is not None else self._seed + i for i, one in enumerate(seed)])
        self._restart(np.arange(self.num_envs))
        return self._look(), {}


class PointingVector(SeededGames):
    """Pointing games side by side. Game `i` of seed `s` plays what `GameEnv` plays after `reset(seed=s + i)`.

    A game that ends starts anew within the same step; what was seen last is in `info["final_obs"]`.

    Args:
        bundle: A pointing game; its user is the one to train.
        num_envs: How many games.
    """

    def __init__(self, bundle: Bundle, num_envs: int) -> None:
        kernel = kernel_of(bundle)
        if not isinstance(kernel, PointingKernel) or bundle.user is None:
            raise HciError(
                f"{bundle.name} with these agents has no batch kernel: use gymnasium's SyncVectorEnv over GameEnv."
            )
        if num_envs < 1:
            raise HciError(f"A vector environment has at least one game, not {num_envs}.")
        self.rules, self.num_envs = kernel.rules, num_envs
        self._positions = kernel.task.positions
        self._seed = bundle.seed
        bundle.reset(go_to=0, episode=0)
        self.single_action_space = ActionCode(bundle.user.policy.element).space
        self.single_observation_space = observation_space(bundle, bundle.user)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._start(range(num_envs))

    def _start(self, seeds: Sequence[int]) -> None:
        n, count = self.num_envs, self.rules.num_targets
        self._bases = {
            name: np.array([stream_base(seed, name) for seed in seeds], dtype=np.uint64)
            for name in ("task", "user")
        }
        self._episode = np.full(n, -1)
        self._cell, self._goal = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._targets = np.zeros((n, count), np.int64)
        self._round = np.zeros(n, np.int64)
        self._action, self._help = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._beliefs = uniform_beliefs(n, count)
        self._minus_one = -np.ones(n)
        self._no = np.zeros(n, dtype=bool)

    def _restart(self, rows: Int) -> None:
        self._episode[rows] += 1
        episode = self._episode[rows]
        targets, cell = draw_cells(
            keys_of(self._bases["task"][rows], episode),
            self.rules.num_targets,
            self.rules.num_cells,
        )
        pick = draw_ranks(keys_of(self._bases["user"][rows], episode), 0, self.rules.num_targets)
        self._targets[rows], self._cell[rows] = targets, cell
        self._goal[rows] = targets[np.arange(len(rows)), pick]
        self._round[rows] = 0
        self._action[rows] = self.rules.stay  # the first value of the user's action is to stay
        self._help[rows] = 0
        self._beliefs[rows] = uniform_beliefs(len(rows), self.rules.num_targets)

    def _look(self) -> Arrays:
        n, positions, rules = self.num_envs, self._positions, self.rules
        column = (n, 1) if positions.ndim == 1 else (n, 2)
        seen: Arrays = {
            "task_state__position": positions[self._cell].reshape(column),
            "task_state__targets": positions[self._targets],
            "user_action__action": rules.actions[self._action].reshape(n, 1),
            "user_state__goal": positions[self._goal].reshape(column),
        }
        if rules.assisted and rules.jump is not None:
            seen["assistant_action__action"] = positions[self._help].reshape(column)
        elif rules.assisted:
            seen["assistant_action__action"] = np.full((n, 1), rules.gain)
        return seen

    def step(self, actions: Any) -> tuple[Arrays, Any, Any, Any, dict[str, Any]]:
        """Play one round of every game; see `gymnasium.vector.VectorEnv.step`."""
        rules = self.rules
        action = np.array(actions, dtype=np.int64)  # a copy: the caller keeps its own
        if (
            action.shape != (self.num_envs,)
            or action.min() < 0
            or action.max() >= len(rules.actions)
        ):
            raise HciError(
                f"{self.num_envs} actions in 0 to {len(rules.actions) - 1} are needed, one a game."
            )
        cell = self._cell
        done = (cell == self._goal) & (action == rules.stay)
        self._action = action
        if rules.jump is None:
            # A finished game stays: on the goal, the action that ended it does not move.
            self._cell = rules.moved[cell, action]
        else:
            on = np.flatnonzero(~done)
            self._beliefs[on], jump = assist(
                rules.jump, rules, self._beliefs[on], cell[on], action[on], self._targets[on]
            )
            self._cell = cell.copy()
            self._cell[on] = self._help[on] = jump
        self._round += ~done
        late = self._round >= rules.max_rounds
        truncated = late & ~done if late.any() else self._no.copy()
        ended = np.flatnonzero(done | truncated)
        info: dict[str, Any] = {}
        if len(ended):
            info = self._finish(ended)
        return self._look(), self._minus_one.copy(), done, truncated, info

    def _finish(self, ended: Int) -> dict[str, Any]:
        last = {name: values[ended] for name, values in self._look().items()}
        final = np.full(self.num_envs, None, dtype=object)
        for k, row in enumerate(ended.tolist()):
            final[row] = {name: values[k] for name, values in last.items()}
        mask = self._no.copy()
        mask[ended] = True
        self._restart(ended)
        return {"final_obs": final, "_final_obs": mask}
