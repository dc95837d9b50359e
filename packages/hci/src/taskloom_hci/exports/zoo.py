"""A game as PettingZoo environments: both agents learn."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Dict as DictSpace, Space
from gymnasium.utils import seeding
from pettingzoo import AECEnv, ParallelEnv

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES, StepResult, Turn
from taskloom_hci.errors import HciError
from taskloom_hci.exports.spaces import ActionCode, Lens, known_to, observation_space
from taskloom_hci.task import Role

ROLES: tuple[Role, ...] = ("user", "assistant")
TASK_REWARDS = ("first_task_reward", "second_task_reward")


class _Seats:
    """Parts that both forms share: the agents of a bundle (the user, and the assistant if there is one), their spaces, and who earns what.

    An agent earns its own observation, inference and policy rewards, and its share of the two rewards of the task.

    Args:
        bundle: A game with a user, and perhaps an assistant.
        split: The share of each of the two task rewards that goes to the user and to the assistant.
    """

    def __init__(
        self, bundle: Bundle, split: tuple[tuple[float, float], tuple[float, float]]
    ) -> None:
        if bundle.user is None:
            raise HciError(f"A game for learners needs a user; this one is {bundle.name}.")
        self.bundle, self.split = bundle, split
        self.agents: dict[str, Agent] = {"user": bundle.user}
        if bundle.assistant is not None:
            self.agents["assistant"] = bundle.assistant
        bundle.reset(go_to=0, episode=0)
        self.codes = {role: ActionCode(agent.policy.element) for role, agent in self.agents.items()}
        self.spaces = {
            role: observation_space(bundle, agent) for role, agent in self.agents.items()
        }
        self.lenses = {role: Lens(space) for role, space in self.spaces.items()}
        bundle.episode = -1

    def look(self, role: str) -> dict[str, Any]:
        """Return what an agent knows now; see `known_to`."""
        return self.lenses[role](known_to(self.agents[role]))

    def earned(self, result: StepResult) -> dict[str, float]:
        """Return the part of the rewards of each agent."""
        parts = dict.fromkeys(ROLES, 0.0)
        for name in REWARD_NAMES:
            value = result.rewards[name]
            if name in TASK_REWARDS:
                shares = self.split[TASK_REWARDS.index(name)]
                for role, share in zip(ROLES, shares, strict=True):
                    parts[role] += share * value
            else:
                parts["user" if name.startswith("user") else "assistant"] += value
        return {str(role): value for role, value in parts.items() if role in self.agents}


EQUAL = ((0.5, 0.5), (0.5, 0.5))


class GameAEC(AECEnv[str, dict[str, Any], Any]):  # type: ignore[misc] # PettingZoo has no types
    """The agents act one after the other, as in the game: the assistant sees what the user just did.

    Args:
        bundle: A game with a user, and perhaps an assistant.
        split: See `_Seats`.
        render_mode: `ansi`, or None.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 -- PettingZoo declares it so
        "render_modes": ["ansi"],
        "name": "taskloom_hci_v0",
        "is_parallelizable": True,
    }

    def __init__(
        self,
        bundle: Bundle,
        split: tuple[tuple[float, float], tuple[float, float]] = EQUAL,
        render_mode: str | None = None,
    ) -> None:
        super().__init__()
        self._seats = _Seats(bundle, split)
        self.bundle, self.render_mode = bundle, render_mode
        self.possible_agents = list(self._seats.agents)
        self.observation_spaces: dict[str, Space[Any]] = dict(self._seats.spaces)
        self.action_spaces: dict[str, Space[Any]] = {
            role: code.space for role, code in self._seats.codes.items()
        }

    def observation_space(self, agent: str) -> DictSpace:
        """Return what an agent sees."""
        return self._seats.spaces[agent]

    def action_space(self, agent: str) -> Space[Any]:
        """Return what an agent may do."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode at the user's turn to act."""
        if seed is not None:
            self.np_random, self.np_random_seed = seeding.np_random(seed)
        self.bundle.reset(go_to=1, seed=seed, forced=(options or {}).get("forced"))
        self.agents = self.possible_agents[:]
        self.agent_selection = "user"
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}

    def observe(self, agent: str) -> dict[str, Any]:
        """Return what an agent saw last."""
        return self._seats.look(agent)

    def step(self, action: Any) -> None:
        """Let the selected agent act."""
        if self.terminations[self.agent_selection] or self.truncations[self.agent_selection]:
            self._was_dead_step(action)
            return
        acting = self.agent_selection
        self._cumulative_rewards[acting] = 0.0
        given = self._seats.codes[acting].decode(action)
        if acting == "user":
            # Without an assistant the user's next turn follows.
            then = Turn.ASSISTANT_ACT if "assistant" in self._seats.agents else Turn.USER_ACT
            result = self.bundle.step(user_action=given, go_to=then)
        else:
            result = self.bundle.step(assistant_action=given, go_to=Turn.USER_ACT)
        if self.bundle.over:
            for agent in self._seats.agents.values():
                agent.observe(result.state)
        self.rewards = self._seats.earned(result)
        self.terminations = dict.fromkeys(self.agents, result.is_done)
        self.truncations = dict.fromkeys(self.agents, result.truncated)
        alone = len(self.possible_agents) == 1
        self.agent_selection = "assistant" if acting == "user" and not alone else "user"
        self._accumulate_rewards()

    def render(self) -> str | None:
        """Return the game as text if the mode is `ansi`."""
        return self.bundle.render() if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Let go of what the game holds."""
        self.bundle.close()


class GameParallel(ParallelEnv[str, dict[str, Any], Any]):  # type: ignore[misc] # PettingZoo has no types
    """Both agents choose at once: the assistant does not see what the user does in the same round.

    Args:
        bundle: A game with a user, and perhaps an assistant.
        split: See `_Seats`.
        render_mode: `ansi`, or None.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 -- PettingZoo declares it so
        "render_modes": ["ansi"],
        "name": "taskloom_hci_parallel_v0",
    }

    def __init__(
        self,
        bundle: Bundle,
        split: tuple[tuple[float, float], tuple[float, float]] = EQUAL,
        render_mode: str | None = None,
    ) -> None:
        super().__init__()
        self._seats = _Seats(bundle, split)
        self.bundle, self.render_mode = bundle, render_mode
        self.possible_agents = list(self._seats.agents)
        self.agents: list[str] = []
        self.observation_spaces: dict[str, Space[Any]] = dict(self._seats.spaces)
        self.action_spaces: dict[str, Space[Any]] = {
            role: code.space for role, code in self._seats.codes.items()
        }

    def observation_space(self, agent: str) -> DictSpace:
        """Return what an agent sees."""
        return self._seats.spaces[agent]

    def action_space(self, agent: str) -> Space[Any]:
        """Return what an agent may do."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Start an episode at the user's turn to act; the assistant has looked as well."""
        self.bundle.reset(go_to=1, seed=seed, forced=(options or {}).get("forced"))
        self.agents = self.possible_agents[:]
        return self._look(), {agent: {} for agent in self.agents}

    def _look(self) -> dict[str, dict[str, Any]]:
        looks = {"user": self._seats.look("user")}
        if "assistant" in self._seats.agents:
            # Its last look came before its last action; what it chooses on now is the state as it stands.
            now = self._seats.agents["assistant"].observe(affect=False)[0]
            looks["assistant"] = self._seats.lenses["assistant"](now)
        return looks

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, dict[str, Any]],
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
        agents = self.agents
        looks = self._look()
        ends = dict.fromkeys(agents, result.is_done)
        cuts = dict.fromkeys(agents, result.truncated)
        rewards = self._seats.earned(result)
        if self.bundle.over:
            self.agents = []
        return looks, rewards, ends, cuts, {agent: {} for agent in agents}

    def render(self) -> str | None:
        """Return the game as text if the mode is `ansi`."""
        return self.bundle.render() if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Let go of what the game holds."""
        self.bundle.close()
