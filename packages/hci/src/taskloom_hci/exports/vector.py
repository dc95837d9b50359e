"""Many pointing games that step together, as a gymnasium vector environment: the user learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from typing_extensions import override

from taskloom_hci.accelerated.pointing import Int
from taskloom_hci.accelerated.pointing_kernel import PointingKernel
from taskloom_hci.accelerated.pointing_numpy import assist, draw_cells, draw_ranks
from taskloom_hci.batch.kernels import kernel_of
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.errors import HciError
from taskloom_hci.exports.seeded import Arrays, Bools, Floats, SeededGames
from taskloom_hci.inference.goal import uniform_beliefs
from taskloom_hci.state.streams import keys_of


class PointingVector(SeededGames):
    """Pointing games side by side. Game `i` of seed `s` plays what `GameEnv` plays after `reset(seed=s + i)`.

    A game that ends starts anew within the same step; what was seen last is in `info["final_obs"]`.

    Args:
        bundle: A pointing game; its user is the one to train.
        num_envs: How many games.
        seed: See `SeededGames`; likewise `opening` and `autoreset_mode`.
    """

    train = "user"

    @override
    def _learner(self, bundle: Bundle) -> Agent:
        kernel = kernel_of(bundle)
        if not isinstance(kernel, PointingKernel) or bundle.user is None:
            raise HciError(
                f"{bundle.name} with these agents has no batch kernel: use gymnasium's SyncVectorEnv over GameEnv."
            )
        self.rules, self._positions = kernel.rules, kernel.task.positions
        return bundle.user

    @override
    def _prepare(self) -> None:
        n, count = self.num_envs, self.rules.num_targets
        self._cell, self._goal = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._targets = np.zeros((n, count), np.int64)
        self._round = np.zeros(n, np.int64)
        self._action, self._help = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._beliefs = uniform_beliefs(n, count)
        self._minus_one = -np.ones(n)
        self._no = np.zeros(n, dtype=bool)

    @override
    def _restart(self, rows: Int) -> Floats:
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
        return np.zeros((len(rows), len(REWARD_NAMES)))  # the user's first turn is the game's

    @override
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

    @override
    def _state_of(self, row: int) -> dict[str, Any]:
        rules, positions = self.rules, self._positions
        state: dict[str, Any] = {
            "game_info": {"turn_index": 1, "round_index": int(self._round[row])},
            "task_state": {
                "position": positions[self._cell[row]],
                "targets": positions[self._targets[row]],
            },
            "user_state": {"goal": positions[self._goal[row]]},
            "user_action": {"action": rules.actions[self._action[row]]},
        }
        if rules.jump is not None:
            state["assistant_state"] = {"log_beliefs": self._beliefs[row]}
            state["assistant_action"] = {"action": positions[self._help[row]]}
        return state

    @override
    def _advance(self, actions: Any, playing: Bools) -> tuple[Floats, Bools, Bools]:
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
            on = np.flatnonzero(~done & playing)
            self._beliefs[on], jump = assist(
                rules.jump, rules, self._beliefs[on], cell[on], action[on], self._targets[on]
            )
            self._cell = cell.copy()
            self._cell[on] = self._help[on] = jump
        self._round += ~done
        late = self._round >= rules.max_rounds
        truncated = late & ~done if late.any() else self._no.copy()
        return self._minus_one.copy(), done, truncated
