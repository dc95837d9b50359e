"""A game as PettingZoo environments: both agents learn."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Space
from gymnasium.utils import seeding
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import Turn
from taskloom_hci.exports.common import Masked, Opening, legal_actions
from taskloom_hci.exports.picture import RENDER_MODES, render
from taskloom_hci.exports.seats import EQUAL, Seats, Split
from taskloom_hci.task import Role


class GameAEC(Masked, AECEnv[str, Any, Any]):  # type: ignore[misc] # PettingZoo has no types
    """The agents act one after the other, as in the game: the assistant sees what the user just did.

    A game may end on the user's half, and the assistant then has no action in that round: PettingZoo's `aec_to_parallel`
    does not fit such games, and `GameParallel` is the parallel form.

    Args:
        bundle: A game with a user, and perhaps an assistant.
        split: The share of each of the two task rewards that goes to the user and to the assistant.
        render_mode: `ansi`, `rgb_array`, or None.
        opening: Where the rewards go that were earned before the first step: into that step, or only into `infos`.
        seed: Root of all random numbers; by default the bundle's, and a fresh one if it has none.
        flatten: Show one vector in place of arrays by name.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 -- PettingZoo declares it so
        "render_modes": RENDER_MODES,
        "name": "taskloom_hci_v0",
        "is_parallelizable": False,
    }

    def __init__(
        self,
        bundle: Bundle,
        split: Split = EQUAL,
        render_mode: str | None = None,
        *,
        opening: Opening = "first_step",
        seed: int | None = None,
        flatten: bool = False,
    ) -> None:
        super().__init__()
        self._seats = Seats(
            bundle, split, opening=opening, seed=seed, flatten=flatten, render_mode=render_mode
        )
        self.bundle, self.render_mode = bundle, render_mode
        self.possible_agents: list[str] = list(self._seats.agents)
        self.observation_spaces = self._seats.spaces
        self.action_spaces = self._seats.action_spaces

    def observation_space(self, agent: str) -> Space[Any]:
        """Return what an agent sees."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space[Any]:
        """Return what an agent may do."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode at the user's turn to act."""
        if seed is not None:
            self.np_random, self.np_random_seed = seeding.np_random(seed)
        turns = (Turn.USER_ACT, Turn.ASSISTANT_ACT)[: len(self.possible_agents)]
        opening = self._seats.start(seed, options, turns)
        self.agents = self.possible_agents[:]
        self.agent_selection = self._next("user")
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, self.bundle.is_done)
        self.truncations = dict.fromkeys(self.agents, self.bundle.truncated)
        self.infos = {
            agent: {"opening": opening[agent], **self._seats.info(agent)} for agent in self.agents
        }

    def _next(self, otherwise: Role) -> Role:
        if self.bundle.over or len(self.possible_agents) == 1:
            return otherwise
        return "assistant" if self.bundle.turn == Turn.ASSISTANT_ACT else "user"

    def observe(self, agent: str) -> Any:
        """Return what an agent saw last."""
        return self._seats.look(agent)

    def step(self, action: Any) -> None:
        """Let the selected agent act."""
        if self.terminations[self.agent_selection] or self.truncations[self.agent_selection]:
            self._was_dead_step(action)
            return
        acting = self.agent_selection
        given = self._seats.codes[acting].decode(action)
        if acting == "user":
            # Without an assistant the user's next turn follows.
            then = Turn.ASSISTANT_ACT if "assistant" in self._seats.agents else Turn.USER_ACT
            result = self.bundle.step(user_action=given, go_to=then)
        else:
            result = self.bundle.step(assistant_action=given, go_to=Turn.USER_ACT)
        self._cumulative_rewards[acting] = 0.0
        if self.bundle.over:
            for agent in self._seats.agents.values():
                agent.observe(result.state)
        owed, earned = self._seats.all_due(), self._seats.earned(result.rewards)
        self.rewards = {role: earned[role] + owed.get(role, 0.0) for role in earned}
        self.terminations = dict.fromkeys(self.agents, result.is_done)
        self.truncations = dict.fromkeys(self.agents, result.truncated)
        self.infos = {agent: self._seats.info(agent) for agent in self.agents}
        alone = len(self.possible_agents) == 1
        self.agent_selection = self._next("assistant" if acting == "user" and not alone else "user")
        self._accumulate_rewards()

    def render(self) -> Any:
        """Return the game as text (`ansi`) or as the picture that the user may see (`rgb_array`)."""
        return render(self.bundle, "user", self.render_mode)

    def close(self) -> None:
        """Let go of what the game holds."""
        self.bundle.close()

    def _masks(self, agent: Role) -> NDArray[Any] | None:
        return legal_actions(self.bundle, agent)


class GameParallel(Masked, ParallelEnv[str, Any, Any]):  # type: ignore[misc] # PettingZoo has no types
    """Both agents choose at once: the assistant does not see what the user does in the same round.

    Args:
        bundle: A game with a user, and perhaps an assistant.
        split: See `GameAEC`; likewise the other parameters.
        render_mode: `ansi`, `rgb_array`, or None.
        opening: See `GameAEC`.
        seed: See `GameAEC`.
        flatten: See `GameAEC`.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 -- PettingZoo declares it so
        "render_modes": RENDER_MODES,
        "name": "taskloom_hci_parallel_v0",
    }

    def __init__(
        self,
        bundle: Bundle,
        split: Split = EQUAL,
        render_mode: str | None = None,
        *,
        opening: Opening = "first_step",
        seed: int | None = None,
        flatten: bool = False,
    ) -> None:
        super().__init__()
        self._seats = Seats(
            bundle, split, opening=opening, seed=seed, flatten=flatten, render_mode=render_mode
        )
        self.bundle, self.render_mode = bundle, render_mode
        self.possible_agents: list[str] = list(self._seats.agents)
        self.agents: list[str] = []
        self.observation_spaces = self._seats.spaces
        self.action_spaces = self._seats.action_spaces

    def observation_space(self, agent: str) -> Space[Any]:
        """Return what an agent sees."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space[Any]:
        """Return what an agent may do."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Start an episode at the user's turn to act; the assistant has looked as well."""
        opening = self._seats.start(seed, options, (Turn.USER_ACT,))
        agents = self.possible_agents[:]
        self.agents = [] if self.bundle.over else [*agents]
        infos: dict[str, dict[str, Any]] = {
            agent: {"opening": opening[agent], **self._seats.info(agent)} for agent in agents
        }
        return self._look(), infos

    def _look(self) -> dict[str, Any]:
        looks = {"user": self._seats.look("user")}
        if "assistant" in self._seats.agents:
            # Its last look came before its last action; what it chooses on now is the state as it stands.
            now = self._seats.agents["assistant"].observe(affect=False)[0]
            looks["assistant"] = self._seats.shown("assistant", now)
        return looks

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, Any],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Play one round with both actions."""
        given = {
            role: self._seats.codes[role].decode(actions[role]) for role in self.possible_agents
        }
        result = self.bundle.step(given["user"], given.get("assistant"), go_to=Turn.USER_ACT)
        if self.bundle.over:
            self._seats.agents["user"].observe(result.state)
        agents = self.possible_agents
        ends: dict[str, bool] = dict.fromkeys(agents, result.is_done)
        cuts: dict[str, bool] = dict.fromkeys(agents, result.truncated)
        owed, earned = self._seats.all_due(), self._seats.earned(result.rewards)
        rewards = {role: earned[role] + owed.get(role, 0.0) for role in earned}
        if self.bundle.over:
            self.agents = []
        infos: dict[str, dict[str, Any]] = {agent: self._seats.info(agent) for agent in agents}
        return self._look(), rewards, ends, cuts, infos

    def render(self) -> Any:
        """Return the game as text (`ansi`) or as the picture that the user may see (`rgb_array`)."""
        return render(self.bundle, "user", self.render_mode)

    def close(self) -> None:
        """Let go of what the game holds."""
        self.bundle.close()

    def _masks(self, agent: Role) -> NDArray[Any] | None:
        return legal_actions(self.bundle, agent)
