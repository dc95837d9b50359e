"""A game for Stable-Baselines3: one agent of one game or of many, with actions and observations it can learn from."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from gymnasium.spaces import Box, Dict as DictSpace
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.exports.cells import FEATURES, KEYS, cell_features
from taskloom_hci.exports.vector import PointingVector
from taskloom_hci.exports.vector_assistant import AssistantVector
from taskloom_hci.task import Role

Float32 = NDArray[np.float32]

USUAL: dict[Role, tuple[str, ...]] = {
    "user": ("task_state__position", "user_state__goal"),
    "assistant": ("task_state__position", "task_state__targets", "assistant_state__beliefs"),
}


# What every game of a vector shares.
ALIKE = (
    "action_space",
    "metadata",
    "observation_space",
    "opening",
    "render_mode",
    "spec",
    "train",
    "weights",
)


class PointingVecEnv(VecEnv):
    """Pointing games side by side, one of the agents learning: `PPO("MlpPolicy", PointingVecEnv(bundle, 64))`.

    The observation is one vector: position, goal and whatever else is asked for, each scaled to [0, 1] by the size of its
    space. Actions are the agent's, as `Discrete` or `MultiDiscrete`.

    `save_policy(model, path, env.keys, low=env.low, span=env.span)` keeps what was learned.

    Args:
        bundle: A pointing game; its user is the one to train, or its assistant.
        num_envs: How many games.
        keys: What the learner sees, by flat name; by default the position and the goal for a user, the position, the
            targets and the belief for an assistant.
        train: `user` or `assistant`.
        seed: Root of all random numbers; by default the bundle's, and a fresh one if it has none.
        features: `named` shows `keys` as one vector, `cells` shows an assistant what is known of every cell (C, 4), and `auto`
            takes `cells` where it can.

    Attributes:
        low: What is subtracted from every number of an observation.
        span: What it is divided by.
    """

    def __init__(
        self,
        bundle: Bundle,
        num_envs: int,
        keys: Sequence[str] | None = None,
        train: Role = "user",
        *,
        seed: int | None = None,
        features: Literal["named", "cells", "auto"] = "named",
    ) -> None:
        kind = PointingVector if train == "user" else AssistantVector
        self.games: PointingVector | AssistantVector = kind(bundle, num_envs, seed=seed)
        self.features: Literal["named", "cells"] = _features(self.games, features)
        space = self.games.single_observation_space
        assert isinstance(space, DictSpace)  # what a user sees has named entries
        if keys is None:
            keys = [key for key in USUAL[train] if key in space.spaces]
        unknown = [key for key in keys if key not in space.spaces]
        if unknown:
            raise HciError(
                f"The {train} does not see {', '.join(unknown)}; it sees {', '.join(space.spaces)}."
            )
        self.keys = tuple(keys)
        self._scales = [_scale(space, key) for key in self.keys]
        self.low = np.concatenate([low for low, _ in self._scales])
        self.span = np.concatenate([span for _, span in self._scales])
        shape: tuple[int, ...] = self.low.shape
        if self.features == "cells":
            self.keys, shape = KEYS, (self.games.rules.num_cells, FEATURES)
            self.low, self.span = np.zeros(FEATURES), np.ones(FEATURES)
        # One game on its own, for what is alike in all of them; it is never played.
        self._one = self.games.game(0)
        self._set: dict[str, dict[int, Any]] = {}
        super().__init__(num_envs, Box(0.0, 1.0, shape, np.float32), self.games.single_action_space)
        self._actions: Any = None

    def _flat(self, seen: dict[str, Any]) -> Float32:
        if self.features == "cells":
            targets, beliefs = (seen[key] for key in KEYS)
            return cell_features(beliefs, targets, self.games.rules.num_cells)
        parts = [
            (seen[key].reshape(len(seen[key]), -1) - low) / span
            for key, (low, span) in zip(self.keys, self._scales, strict=True)
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def reset(self) -> Float32:
        """Start all games."""
        seeds = None if all(one is None for one in self._seeds) else self._seeds
        seen, _ = self.games.reset(seed=seeds)
        self._reset_seeds()
        return self._flat(seen)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[Float32, NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
        """Play one round of every game."""
        seen, rewards, done, cut, info = self.games.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(info["_final_obs"]) if "_final_obs" in info else ():
            last = {key: values[None] for key, values in info["final_obs"][row].items()}
            infos[row] = {
                "terminal_observation": self._flat(last)[0],
                "TimeLimit.truncated": bool(cut[row]),
            }
        return self._flat(seen), rewards.astype(np.float32), done | cut, infos

    def close(self) -> None:
        """Let go of the games."""
        self.games.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of single games, as `GameEnv` has it."""
        if attr_name in self._set:
            return [self._set[attr_name][i] for i in self._rows(indices)]
        if attr_name in ALIKE:
            return [getattr(self._one, attr_name) for _ in self._rows(indices)]
        return [getattr(self.games.game(i), attr_name) for i in self._rows(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Keep a value for single games, which `get_attr` returns; the games themselves play on alike."""
        if hasattr(self._one, attr_name):
            raise HciError(f"'{attr_name}' cannot be set for single games of a vector.")
        kept = self._set.setdefault(attr_name, {})
        kept.update(dict.fromkeys(self._rows(indices), value))
        if len(kept) < self.num_envs:
            kept.update({i: None for i in range(self.num_envs) if i not in kept})

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of copies of single games as they stand: `expert_action`, `render`."""
        if method_name in {"step", "reset", "close", "stand"}:
            raise HciError(f"Single games of a vector have no '{method_name}': they step together.")
        return [
            getattr(self.games.game(i), method_name)(*args, **kwargs) for i in self._rows(indices)
        ]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return that no game is wrapped."""
        del wrapper_class
        return [False for _ in self._rows(indices)]

    def _rows(self, indices: Any) -> Iterable[int]:
        return self._get_indices(indices)


def _features(games: PointingVector | AssistantVector, asked: str) -> Literal["named", "cells"]:
    """Return how games are shown.

    Raises:
        HciError: If there are no cells to show.
    """
    task = games.bundle.task
    fits = (
        games.train == "assistant"
        and games.rules.jump is not None
        and getattr(task, "dimension", 0) == 1
    )
    if asked == "cells" and not fits:
        raise HciError("Cells are shown to an assistant of pointing on a line that keeps a belief.")
    return "cells" if fits and asked != "named" else "named"


def _scale(space: DictSpace, key: str) -> tuple[NDArray[Any], NDArray[Any]]:
    box = space.spaces[key]
    assert isinstance(box, Box)  # every entry of an observation is one
    low, high = box.low.ravel().astype(np.float64), box.high.ravel().astype(np.float64)
    return low, np.maximum(high - low, 1.0)
