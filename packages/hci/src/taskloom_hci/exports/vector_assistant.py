"""Many pointing games that step together, the assistant learning: what `vector` is for the user."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import MultiDiscrete
from typing_extensions import override

from taskloom_hci.accelerated.exact_math import exact_exps
from taskloom_hci.accelerated.pointing import Int
from taskloom_hci.accelerated.pointing_kernel import pointing_rules
from taskloom_hci.accelerated.pointing_numpy import draw_cells, draw_ranks
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.errors import HciError
from taskloom_hci.exports.seeded import Arrays, Bools, Floats, SeededGames
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.engine import NoInference
from taskloom_hci.inference.goal import uniform_beliefs, update_beliefs
from taskloom_hci.state.streams import keys_of, uniforms


class AssistantVector(SeededGames):
    """Pointing games side by side. Game `i` of seed `s` plays what `GameEnv(..., "assistant")` plays after `reset(seed=s + i)`.

    A step puts the cursor where the learner says (or multiplies the user's move by its gain), and the user answers. A
    jumping assistant keeps its belief, which the learner sees; its own choices are not asked for.

    Args:
        bundle: A pointing game with an assistant, the one to train.
        num_envs: How many games.
        seed: See `SeededGames`; likewise `opening` and `autoreset_mode`.
    """

    train = "assistant"

    @override
    def _learner(self, bundle: Bundle) -> Agent:
        task, assistant = bundle.task, bundle.assistant
        rules = pointing_rules(bundle)
        plain = assistant is not None and (
            rules is not None
            and (
                rules.jump is not None
                or (not assistant.state and isinstance(assistant.inference_engine, NoInference))
            )
        )
        if not isinstance(task, Pointing) or rules is None or assistant is None or not plain:
            raise HciError(
                f"{bundle.name} with these agents has no batch for its assistant: use gymnasium's SyncVectorEnv over GameEnv."
            )
        self.rules, self.task = rules, task
        self._first = np.asarray(assistant.policy.element.init)
        return assistant

    @override
    def _prepare(self) -> None:
        n, count = self.num_envs, self.rules.num_targets
        self._cell, self._goal = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._targets = np.zeros((n, count), np.int64)
        self._round, self._action = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._help = np.repeat(self._first[None], n, axis=0)
        self._log_beliefs = uniform_beliefs(n, count)

    @override
    def _restart(self, rows: Int) -> Floats:
        rules = self.rules
        episode = self._episode[rows]
        targets, cell = draw_cells(
            keys_of(self._bases["task"][rows], episode), rules.num_targets, rules.num_cells
        )
        pick = draw_ranks(keys_of(self._bases["user"][rows], episode), 0, rules.num_targets)
        self._targets[rows], self._cell[rows] = targets, cell
        self._goal[rows] = targets[np.arange(len(rows)), pick]
        self._round[rows] = 0
        self._help[rows] = self._first
        self._log_beliefs[rows] = uniform_beliefs(len(rows), rules.num_targets)
        # The first answer cannot end a game: no target is where the cursor starts.
        self._answer(rows)
        opening = np.zeros((len(rows), len(REWARD_NAMES)))
        opening[:, REWARD_NAMES.index("first_task_reward")] = -1.0
        return opening

    def _answer(self, rows: Int) -> Any:
        """Let the users of some games act and the assistant learn from it; return which games that ends."""
        rules = self.rules
        keys = keys_of(self._bases["user"][rows], self._episode[rows])
        draw = uniforms(keys, self._round[rows] + 1)
        cell, goal = self._cell[rows], self._goal[rows]
        action = (rules.reached[cell, goal] <= draw[:, None]).sum(axis=1)
        self._action[rows] = action
        done = (cell == goal) & (action == rules.stay)
        on = ~done
        if rules.jump is not None and on.any():
            left = rows[on]
            likelihood = rules.jump.log_table[
                cell[on][:, None], self._targets[left], action[on][:, None]
            ]
            self._log_beliefs[left], _ = update_beliefs(
                self._log_beliefs[left], likelihood, rules.jump.on_zero
            )
        return done

    @override
    def _look(self) -> Arrays:
        n, rules, positions = self.num_envs, self.rules, self.task.positions
        seen: Arrays = {
            "assistant_action__action": self._help.reshape(n, -1).copy(),
            "task_state__position": positions[self._cell].reshape(n, -1),
            "task_state__targets": positions[self._targets],
            "user_action__action": rules.actions[self._action].reshape(n, 1),
        }
        if rules.jump is not None:
            seen["assistant_state__beliefs"] = exact_exps(self._log_beliefs)
        return seen

    @override
    def _state_of(self, row: int) -> dict[str, Any]:
        rules, positions = self.rules, self.task.positions
        state: dict[str, Any] = {
            "game_info": {"turn_index": 3, "round_index": int(self._round[row])},
            "task_state": {
                "position": positions[self._cell[row]],
                "targets": positions[self._targets[row]],
            },
            "user_state": {"goal": positions[self._goal[row]]},
            "user_action": {"action": rules.actions[self._action[row]]},
            "assistant_action": {"action": self._help[row]},
        }
        if rules.jump is not None:
            state["assistant_state"] = {"log_beliefs": self._log_beliefs[row]}
        return state

    @override
    def _advance(self, actions: Any, playing: Bools) -> tuple[Floats, Bools, Bools]:
        n, rules = self.num_envs, self.rules
        self._help = self._decoded(actions)
        if self.task.mode == "position":
            cells = self._help.reshape(n, -1)
            self._cell = cells @ self._strides(cells.shape[1])
        else:
            step = self.task.moves[self._action] * self._help[:, None]
            after = np.clip(rules.positions[self._cell] + step, 0, np.array(self.task.shape) - 1)
            self._cell = after @ self._strides(after.shape[1])
        self._round += 1
        truncated = self._round >= rules.max_rounds
        done = np.zeros(n, dtype=bool)
        on = np.flatnonzero(~truncated & playing)
        done[on] = self._answer(on)
        return np.where(truncated, 0.0, -1.0), done, truncated

    def _strides(self, dimension: int) -> Int:
        return np.array([1]) if dimension == 1 else np.array([self.task.shape[1], 1])

    def _decoded(self, actions: Any) -> Int:
        space, n = self.single_action_space, self.num_envs
        whole = np.array(actions, dtype=np.int64)  # a copy: the caller keeps its own
        most = space.nvec if isinstance(space, MultiDiscrete) else np.asarray(space.n)  # type: ignore[attr-defined] # else a Discrete
        if whole.shape != (n, *most.shape) or np.any(whole < 0) or np.any(whole >= most):
            raise HciError(f"{n} actions of {space} are needed, one a game.")
        return np.asarray(whole.reshape(n, *self._code.shape) + self._code.low)
