"""Many pointing games that step together, the assistant learning: what `vector` is for the user."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import MultiDiscrete
from gymnasium.vector.utils import batch_space

from taskloom_hci.accelerated.exact_math import exact_exps
from taskloom_hci.accelerated.pointing import Int
from taskloom_hci.accelerated.pointing_kernel import pointing_rules
from taskloom_hci.accelerated.pointing_numpy import draw_cells, draw_ranks
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.exports.spaces import ActionCode, observation_space
from taskloom_hci.exports.vector import Arrays, SeededGames
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.engine import NoInference
from taskloom_hci.inference.goal import uniform_beliefs, update_beliefs
from taskloom_hci.state.streams import keys_of, stream_base, uniforms


class AssistantVector(SeededGames):
    """Pointing games side by side. Game `i` of seed `s` plays what `GameEnv(..., "assistant")` plays after `reset(seed=s + i)`.

    A step puts the cursor where the learner says (or multiplies the user's move by its gain), and the user answers. A
    jumping assistant keeps its belief, which the learner sees; its own choices are not asked for.

    Args:
        bundle: A pointing game with an assistant, the one to train.
        num_envs: How many games.
    """

    def __init__(self, bundle: Bundle, num_envs: int) -> None:
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
        if num_envs < 1:
            raise HciError(f"A vector environment has at least one game, not {num_envs}.")
        self.rules, self.num_envs, self.task = rules, num_envs, task
        self._seed = bundle.seed
        self._first = np.asarray(assistant.policy.element.init)
        bundle.reset(go_to=0, episode=0)
        self._code = ActionCode(assistant.policy.element)
        self.single_action_space = self._code.space
        self.single_observation_space = observation_space(bundle, assistant)
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
        self._round, self._action = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._help = np.repeat(self._first[None], n, axis=0)
        self._log_beliefs = uniform_beliefs(n, count)

    def _restart(self, rows: Int) -> None:
        rules = self.rules
        self._episode[rows] += 1
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

    def step(self, actions: Any) -> tuple[Arrays, Any, Any, Any, dict[str, Any]]:
        """Play one round of every game; see `gymnasium.vector.VectorEnv.step`."""
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
        on = np.flatnonzero(~truncated)
        done[on] = self._answer(on)
        rewards = np.where(truncated, 0.0, -1.0)
        ended = np.flatnonzero(done | truncated)
        info = self._finish(ended) if len(ended) else {}
        return self._look(), rewards, done, truncated, info

    def _strides(self, dimension: int) -> Int:
        return np.array([1]) if dimension == 1 else np.array([self.task.shape[1], 1])

    def _decoded(self, actions: Any) -> Int:
        space, n = self.single_action_space, self.num_envs
        whole = np.array(actions, dtype=np.int64)  # a copy: the caller keeps its own
        most = space.nvec if isinstance(space, MultiDiscrete) else np.asarray(space.n)  # type: ignore[attr-defined] # else a Discrete
        if whole.shape != (n, *most.shape) or np.any(whole < 0) or np.any(whole >= most):
            raise HciError(f"{n} actions of {space} are needed, one a game.")
        return np.asarray(whole.reshape(n, *self._code.shape) + self._code.low)

    def _finish(self, ended: Int) -> dict[str, Any]:
        last = {name: values[ended] for name, values in self._look().items()}
        final = np.full(self.num_envs, None, dtype=object)
        for k, row in enumerate(ended.tolist()):
            final[row] = {name: values[k] for name, values in last.items()}
        mask = np.zeros(self.num_envs, dtype=bool)
        mask[ended] = True
        self._restart(ended)
        return {"final_obs": final, "_final_obs": mask}
