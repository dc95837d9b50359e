"""The game: a task, a user and an assistant that take turns."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from taskloom.show.cells import guarded

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.answers import finite_reward, task_answer
from taskloom_hci.bundle.joining import PARTS, join_parts, require_forced, require_parts
from taskloom_hci.bundle.turns import NAMES, REWARD_NAMES, StepResult, Turn, parse_turn
from taskloom_hci.errors import GameOverError, HciError, UnknownKeyError
from taskloom_hci.inference.engine import NoInference
from taskloom_hci.report.plot import draw_game, game_html
from taskloom_hci.state.elements import Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream, stream_key
from taskloom_hci.task import InteractionTask, Outcome, Role

# Which rewards a role earns by observing, inferring, acting and through the task.
_EARNED: dict[Role, tuple[str, str, str, str]] = {
    "user": (REWARD_NAMES[0], REWARD_NAMES[1], REWARD_NAMES[2], REWARD_NAMES[3]),
    "assistant": (REWARD_NAMES[4], REWARD_NAMES[5], REWARD_NAMES[6], REWARD_NAMES[7]),
}
_ACTED: Mapping[str, Role] = {"user_action": "user", "assistant_action": "assistant"}
_INFER = Agent.infer
_NOTHING: dict[str, float] = dict.fromkeys(REWARD_NAMES, 0.0)


class Bundle:
    """A game of four turns a round.

        0  the user observes and infers
        1  the user acts, and the task answers
        2  the assistant observes and infers
        3  the assistant acts, and the task answers; the round is over

    Everything random comes from the seed: the task, the user and the assistant each have a stream of numbers for every
    episode, so episode 7 is the same whether or not the first six were played.

    Args:
        task: The task.
        user: The user; without one its turns pass.
        assistant: The assistant; without one its turns pass.
        seed: Root of all random numbers; by default 0, and `is_seeded` is then false.
        reset_turn: Where `reset` ends by default.
        max_rounds: Overrides the task's time limit.

    Raises:
        BundleConstraintError: If they do not fit together; it lists every problem.
    """

    def __init__(
        self,
        task: InteractionTask,
        user: Agent | None = None,
        assistant: Agent | None = None,
        *,
        seed: int | None = None,
        reset_turn: int | str = 0,
        max_rounds: int | None = None,
    ) -> None:
        self.task, self.user, self.assistant = task, user, assistant
        self.seed = 0 if seed is None else seed
        # Environments for learners draw a seed of their own where none was given; 0 given is not that.
        self.is_seeded = seed is not None
        self.reset_turn = parse_turn(reset_turn)
        self.max_rounds = task.max_rounds if max_rounds is None else max_rounds
        self._turn = 0
        self.round_index = 0
        self.episode = -1
        self.is_done = False
        self.truncated = False
        self.opening: StepResult | None = None
        require_parts(task, user, assistant)
        owners = {"task_state": task, "user_state": user, "assistant_state": assistant}
        self._owners: dict[str, InteractionTask | Agent] = {
            name: owner for name, owner in owners.items() if owner is not None
        }
        agents = [agent for agent in (user, assistant) if agent is not None]
        self._actions: dict[Role, Value] = {
            agent.role: agent.policy.element.init for agent in agents
        }
        self.parameters = join_parts(self, task, agents)

    @property
    def name(self) -> str:
        """The parts that are missing, if any: `no-user`, `no-assistant`, `no-user--no-assistant`; else the task's class."""
        missing = [f"no-{role}" for role in ("user", "assistant") if getattr(self, role) is None]
        return "--".join(missing) or type(self.task).__name__

    @property
    def turn(self) -> Turn:
        """The turn that comes next."""
        return Turn(self._turn)

    @property
    def over(self) -> bool:
        """True if the game has to be reset before it goes on."""
        return self.is_done or self.truncated

    def last_action(self, role: Role) -> Value:
        """Return the last action of an agent."""
        if role not in self._actions:
            raise UnknownKeyError(f"This game has no {role}.")
        return self._actions[role]

    def snapshot(self) -> StateTree:
        """Return the six parts of the game as nested dicts that no later step changes."""
        return self.parts(PARTS)

    def parts(self, names: Iterable[str]) -> StateTree:
        """Return some of the parts of `snapshot`."""
        found: StateTree = {}
        owners, actions = self._owners, self._actions
        for name in names:
            owner = owners.get(name)
            if owner is not None:
                found[name] = owner.state.snapshot()
            elif name == "game_info":
                found[name] = {"turn_index": self._turn, "round_index": self.round_index}
            elif name in _ACTED:
                role = _ACTED[name]
                found[name] = {"action": actions[role]} if role in actions else {}
            elif name in PARTS:
                found[name] = {}
        return found

    def reset(
        self,
        go_to: int | str | None = None,
        start_after: int | str = -1,
        *,
        task: bool = True,
        user: bool = True,
        assistant: bool = True,
        forced: Mapping[str, Any] | None = None,
        seed: int | None = None,
        episode: int | None = None,
    ) -> StateTree:
        """Start an episode and play the turns after `start_after` up to `go_to`.

        What those turns earned, and whether they ended the game, is in `opening`.

        Args:
            go_to: The turn to stop at; by default the bundle's `reset_turn`.
            start_after: The turn that counts as played already; -1 plays from the beginning.
            task: Whether the task starts anew; likewise `user` and `assistant`.
            user: See `task`.
            assistant: See `task`.
            forced: Values to start from, by part: `{"task_state": {"x": 2}}`; also `user_observation` and
                `assistant_observation`.
            seed: A new root of all random numbers; episodes count from 0 again.
            episode: Which episode to play; by default the next one.

        Raises:
            HciError: If `start_after` comes after `go_to`, or a forced value does not fit; nothing is changed then.
        """
        target = self.reset_turn if go_to is None else parse_turn(go_to)
        first = -1 if start_after == -1 else int(parse_turn(start_after))
        forced = dict(forced or {})
        info = forced.get("game_info", {})
        if "turn_index" in info:
            target = parse_turn(int(info["turn_index"]))
        if first > target:
            raise HciError(
                f"A reset cannot start after turn {first} and stop at turn {int(target)} before it."
            )
        require_forced(self._owners, forced)
        if seed is not None:
            self.seed, self.episode, self.is_seeded = seed, -1, True
        self.episode = self.episode + 1 if episode is None else episode
        self._reset_parts({"task": task, "user": user, "assistant": assistant}, forced)
        self.round_index = int(info.get("round_index", 0))
        self._turn = max(first, 0)
        self.is_done = self.truncated = False
        self.opening = None
        if self._turn != target:
            self.opening = self.step(go_to=target)
        return self.snapshot()

    def _reset_parts(self, which: Mapping[str, bool], forced: Mapping[str, Any]) -> None:
        roles: tuple[Literal["task", "user", "assistant"], ...] = ("task", "user", "assistant")
        for role in roles:
            part = getattr(self, role)
            if part is None:
                continue
            part.stream = Stream(stream_key(self.seed, role, self.episode))
            values = forced.get(f"{role}_state", {})
            if which[role] and isinstance(part, InteractionTask):
                part.reset(values)
            elif which[role]:
                part.inference_engine.reset()
                part.policy.reset()
                part.reset()
            part.state.force(values)
            if isinstance(part, Agent):
                # Only the agent that is named gets the observation.
                part.observation = forced.get(f"{role}_observation")
                given = forced.get(f"{role}_action")
                element = part.policy.element
                self._actions[part.role] = (
                    element.init if given is None else element.admit(given["action"])
                )

    def step(
        self,
        user_action: Value = None,
        assistant_action: Value = None,
        go_to: int | str | None = None,
    ) -> StepResult:
        """Play until the turn is `go_to`; by default one whole round. If the task ends the game, the turn stays.

        Args:
            user_action: Replaces what the user's policy would choose.
            assistant_action: Replaces what the assistant's policy would choose.
            go_to: The turn to stop at, by index or name.

        Returns:
            The state, the eight rewards and whether the task ended the game.

        Raises:
            GameOverError: If the game is over.
            HciError: If an action or anything that follows from it does not fit; the game is then as it was before.
        """
        rewards = self.advance(user_action, assistant_action, go_to)
        return StepResult(self.parts(PARTS), rewards, self.is_done, self.truncated)

    def advance(
        self,
        user_action: Value = None,
        assistant_action: Value = None,
        go_to: int | str | None = None,
    ) -> dict[str, float]:
        """Do the same as `step` and return the rewards alone, for callers that look at the game themselves."""
        if self.is_done or self.truncated:
            why = "ended" if self.is_done else f"reached its limit of {self.max_rounds} rounds"
            raise GameOverError(
                f"The game has {why} after {self.round_index} rounds: reset it before the next step."
            )
        target = (
            self._turn if go_to is None else go_to if type(go_to) is Turn else parse_turn(go_to)
        )
        given_user = None if user_action is None else self._admit("user", user_action)
        given_assistant = (
            None if assistant_action is None else self._admit("assistant", assistant_action)
        )
        rewards = _NOTHING.copy()
        saved = self._save()
        try:
            while True:
                turn = self._turn
                if turn == 0:
                    self._look("user", self.user, rewards)
                elif turn == 1:
                    self._act("user", self.user, given_user, rewards)
                elif turn == 2:
                    self._look("assistant", self.assistant, rewards)
                else:
                    self._act("assistant", self.assistant, given_assistant, rewards)
                if self.is_done or self.truncated or self._turn == target:
                    break
        except Exception:
            self._restore(saved)
            raise
        return rewards

    def _admit(self, role: Role, action: Value) -> Value:
        agent = self.user if role == "user" else self.assistant
        if agent is None:
            raise UnknownKeyError(f"This game has no {role} to act.")
        return agent.policy.element.admit(action)

    def _look(self, role: Role, agent: Agent | None, rewards: dict[str, float]) -> None:
        if agent is not None:
            observation, inference, _, _ = _EARNED[role]
            earned = agent.observe()[1]
            # Here and below: an agent that looks or acts mostly earns a plain 0, which needs no call to be looked at.
            if type(earned) is not float or earned:
                rewards[observation] += finite_reward(earned, agent, self)
            # Most agents conclude nothing; asking them would copy their state in vain.
            if type(agent.inference_engine) is not NoInference or type(agent).infer is not _INFER:
                rewards[inference] += finite_reward(agent.infer()[1], agent, self)
        self._turn += 1

    def _act(
        self, role: Role, agent: Agent | None, action: Value, rewards: dict[str, float]
    ) -> None:
        if agent is not None:
            self._let_act(role, agent, action, rewards)
        if self.is_done:
            return
        if self._turn == 1:
            self._turn = 2
        else:
            self._turn = 0
            self.round_index += 1
            self.truncated = self.max_rounds is not None and self.round_index >= self.max_rounds

    def _let_act(self, role: Role, agent: Agent, action: Value, rewards: dict[str, float]) -> None:
        _, _, policy, task = _EARNED[role]
        if action is None:
            action, earned = agent.take_action()
            if type(earned) is not float or earned:
                rewards[policy] += finite_reward(earned, agent, self)
        self._actions[role] = action
        outcome: Outcome
        if role == "user":
            outcome = self.task.on_user_action(user_action=action)
        else:
            outcome = self.task.on_assistant_action(assistant_action=action)
        self.task.state.settle()
        if outcome is not None:
            earned, self.is_done = task_answer(outcome, self)
            rewards[task] += earned

    def _save(self) -> tuple[Any, ...]:
        kept = [
            (
                owner,
                owner.state.snapshot(),
                owner.stream.counter,
                getattr(owner, "observation", None),
            )
            for owner in self._owners.values()
        ]
        return kept, self._actions.copy(), self._turn, self.round_index

    def _restore(self, saved: tuple[Any, ...]) -> None:
        kept, self._actions, self._turn, self.round_index = saved
        self.is_done = self.truncated = False
        for owner, state, counter, observation in kept:
            owner.state.restore(state)
            owner.stream.counter = counter
            if isinstance(owner, Agent):
                owner.observation = observation

    def render(self, mode: str = "text", **axes: Any) -> str:
        """Return the game as text: the turn, the last actions and what the task shows of itself.

        Args:
            mode: `text`; `plot` draws as well: pointing and gaze, and every task whose own `render` draws.
            axes: matplotlib axes to draw on: `ax_task`, `ax_user`, `ax_assistant`.
        """
        if "plot" in mode:
            draw_game(self, axes)
        actions = {role: np.asarray(value).tolist() for role, value in self._actions.items()}
        head = f"round {self.round_index}, turn {int(self.turn)} ({NAMES[self.turn]}), actions {actions}"
        shown = self.task.render(mode=mode, **axes)  # a task may print or draw instead
        return f"{head}\n{shown}" if shown else head

    def _repr_html_(self) -> str:
        return guarded(lambda: game_html(self, self.render()), self)

    def close(self) -> None:
        """Let go of what the task holds outside this process."""
        self.task.close()
