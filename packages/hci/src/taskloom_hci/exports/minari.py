"""Recorded games as a Minari data set: what one agent saw, did and earned, for learners without a simulator."""

# ruff: noqa: ANN401 -- observations and actions of gymnasium are of any type

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from numpy.typing import NDArray
from taskloom.errors import MissingExtraError, UsageError
from taskloom.registry.discovery import tasks_of

from taskloom_hci.errors import HciError
from taskloom_hci.exports.env import GameEnv
from taskloom_hci.exports.register import MAKE_ENV, id_of

if TYPE_CHECKING:
    from taskloom.bound import BoundTask

    from taskloom_hci.batch.episodes import Episodes
    from taskloom_hci.bundle.bundle import Bundle
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask, Role

_NAME = re.compile(r"([-_A-Za-z0-9]+/)*[_A-Za-z0-9][-_A-Za-z0-9]*-v[0-9]+")
# Entries of a config that say how much is played and kept, and nothing about the game.
_OF_RUNS = {"episodes", "backend", "chunk", "jsonl", "record", "baseline", "shown"}
_CLOSE = 1e-9  # sums of the same rewards in another order


class MinariSet:
    """A data set that is to be written.

    Args:
        name: Its name, `hci/pointing/careful-v0`.

    Raises:
        MissingExtraError: Minari is not installed.
        UsageError: The name is none, or is taken.
    """

    def __init__(self, name: str) -> None:
        try:
            from minari import list_local_datasets  # of an extra
        except ModuleNotFoundError:
            raise MissingExtraError(
                "Minari is not installed here: pip install 'minari[hdf5]'"
            ) from None
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"--minari takes a name such as 'hci/pointing/careful-v0', not '{name}'."
            )
        if name in list_local_datasets():
            raise UsageError(f"There is a Minari data set '{name}' already: raise its version.")
        self.name = name

    def save(self, played: Episodes, bundle: Bundle, role: Role, spec: EnvSpec | None) -> int:
        """Write games as what one agent saw, did and earned, and return the number of steps.

        The games are played again with the recorded actions of that agent, through the same environment that a learner
        gets: observations, rewards and the place of the opening are those of `GameEnv`.

        Args:
            played: The games, from episode 0 of the bundle's seed on.
            bundle: The game.
            role: The agent.
            spec: Recipe of the environment, if it can be made by name.

        Raises:
            HciError: There is no such agent, or a game played again is another.
        """
        from minari import create_dataset_from_buffers  # of an extra
        from minari.data_collector import EpisodeBuffer  # likewise

        game = GameEnv(bundle, role, seed=bundle.seed)
        game.spec = spec
        place = {int(number): i for i, number in enumerate(played.episode)}
        kept: list[Any] = []
        while True:
            seen, told = game.reset()
            at = place.get(told["episode_index"])
            if at is None:
                break
            rows = slice(int(played.offsets[at]), int(played.offsets[at + 1]))
            columns = _played(game, seen, played.rounds[f"{role}_action"][rows])
            if abs(sum(columns["rewards"]) - float(played.returns[at])) > _CLOSE:
                raise HciError(
                    f"Episode {told['episode_index']} earned other rewards when it was played again."
                )
            # Later games follow from the seed of the first.
            first = None if kept else bundle.seed
            kept.append(EpisodeBuffer(id=len(kept), seed=first, **columns))
        if not kept:
            raise HciError(
                f"The {role} acts in none of these games, so there is nothing to learn from."
            )
        with warnings.catch_warnings():
            # Of games that no name makes; the page on libraries tells of them.
            warnings.simplefilter("ignore", UserWarning)
            create_dataset_from_buffers(
                self.name,
                kept,
                env=game,
                eval_env=spec,
                algorithm_name=f"the {role} of the task",
                description=f"{len(played)} games of {bundle.name}, seed {bundle.seed}",
                requirements=["taskloom-hci"],
            )
        return sum(len(one) for one in kept)


def _played(game: GameEnv, seen: Any, actions: NDArray[Any]) -> dict[str, Any]:
    """Return the columns of one game that is played with these actions, one a round, from what is seen first."""
    space = game.action_space
    looks, acted, earned = [seen], [], []
    ended = cut = False
    while not (ended or cut):
        action = actions[game.bundle.round_index]
        # Exact numbers are played, so that the game is the same one; those of the learner's space are written.
        is_real = isinstance(space, Box)
        coded = game.encode(action)
        seen, reward, ended, cut, _ = game.step(action if is_real else coded)
        looks.append(seen)
        acted.append(coded)
        earned.append(float(reward))
    last = [False] * (len(earned) - 1)
    return {
        "observations": {name: np.stack([look[name] for look in looks]) for name in looks[0]},
        "actions": np.array(acted, dtype=space.dtype),
        "rewards": earned,
        "terminations": [*last, ended],
        "truncations": [*last, cut],
    }


def spec_of(task: BoundTask[InteractionTask, HciConfig], role: Role) -> EnvSpec | None:
    """Return the recipe by which gymnasium makes the environment of a task again; None for a task of a file."""
    name = task.name.removeprefix("hci/")
    refs = {entry.ref.name: entry.ref for entry in tasks_of("hci")}
    if name not in refs:
        return None
    config = task.config.model_dump(mode="json", exclude=_OF_RUNS)
    return EnvSpec(
        id_of(refs[name]), entry_point=MAKE_ENV, kwargs={"task": name, "train": role, **config}
    )
