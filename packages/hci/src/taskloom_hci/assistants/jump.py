"""Assistants that infer the goal from what the user does and put the cursor on a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from typing_extensions import override

from taskloom_hci.accelerated.exact_math import exact_exps
from taskloom_hci.accelerated.pointing import careful_split, going_on_table, model_tables
from taskloom_hci.assistants.assumed import AssumedPeople, assumed_people, joint_before
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.inference.goal import OnZero, uniform_beliefs, update_beliefs
from taskloom_hci.inference.information import (
    Float,
    Int,
    Jump,
    Tie,
    choose_cells,
    information_gain,
)
from taskloom_hci.inference.mixture import About
from taskloom_hci.models.model import action_index
from taskloom_hci.models.pointing import CarefulModel, PointingModel
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Value, array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.pointing import PointingUser

if TYPE_CHECKING:
    from taskloom_hci.assistants.base import JumpingAssistant


class JumpAssistant(Agent):
    """Assistant with a belief over the targets, which jumps to ask or to arrive.

    Args:
        task: The pointing task it will play, in mode `position`.
        rule: `information` asks the most telling question (Bayesian information gain), `map` takes the likeliest target.
        model: How it believes the user acts; by default as the user of its game does.
        threshold: Above this belief it jumps to the likeliest target.
        cost: What a jump costs for every cell it is long [bit].
        tie: Which of equally telling cells it takes.
        on_zero: What it does when the user does something impossible.
        policy: Jumps instead of the rule; the belief is kept all the same.
        lapse: Lapse that it believes the user to have; by default that of the model.
        otherwise: How it believes a user acts who has no model: one of a recording, a network or a person.
        people: People that the user may be one of, instead of a model.
    """

    def __init__(
        self,
        task: Pointing,
        rule: Literal["information", "map"] = "information",
        *,
        model: PointingModel | None = None,
        threshold: float = 0.8,
        cost: float = 0.0,
        tie: Tie = "nearest",
        on_zero: OnZero = "raise",
        policy: Policy | None = None,
        lapse: float | None = None,
        otherwise: PointingModel | None = None,
        people: AssumedPeople | None = None,
    ) -> None:
        count = task.num_targets
        self.people = people
        self.last_episode: int | None = None
        self.task, self.lapse, self._otherwise = task, lapse, otherwise
        self.model = model
        self.on_zero: OnZero = on_zero
        self._choice = (rule, threshold, cost, tie)
        self._rule: Jump | None = None
        state = State(
            log_beliefs=array_element(
                (count,), uniform_beliefs(1, count)[0], out_of_bounds_mode="silent"
            )
        )
        if people is not None:
            each = people.first(count)
            state["log_joint"] = array_element(each.shape, each, out_of_bounds_mode="silent")
        super().__init__(
            "assistant",
            policy=policy or JumpPolicy(self),
            state=state,
            inference=GoalInference(self),
        )

    def finit(self) -> None:
        """Take the user's model for its own, unless it was given one."""
        user = self.game.user
        if self.model is None and isinstance(user, PointingUser):
            self.model = user.model or user.typical
        if self.model is None:
            self.model = self._otherwise
        model = self.known_model()
        self.model = model if self.lapse is None else model.lapsing(self.lapse)

    def known_model(self) -> PointingModel:
        """Return the model by which it believes the user acts.

        Raises:
            BundleConstraintError: If it was given none and the user of its game has none.
        """
        if self.model is None:
            raise BundleConstraintError(
                ["This assistant needs a user model: the user has none, so give it one."]
            )
        return self.model

    def reset(self) -> None:
        """Start a game; of a person who goes on playing it knows what the last game told."""
        ended = None if self.people is None else np.array(self.state["log_joint"])
        super().reset()
        mixture = None if self.people is None or self.people.games == 1 else self.rule().mixture
        if mixture is None or ended is None or self.people is None:
            return
        before = joint_before(self, self.people.games, ended)
        if before is not None:
            known = mixture.sets(before[None])[0]
            self.state["log_joint"] = mixture.first(1, self.task.num_targets, known)[0]

    def rule(self) -> Jump:
        """Return its rule as arrays."""
        if self._rule is None:
            model = self.known_model()
            rule, threshold, cost, tie = self._choice
            table, log_table = model_tables(self.task, model)
            self._rule = Jump(
                rule,
                table,
                going_on_table(model, log_table),
                threshold,
                cost,
                tie,
                self.on_zero,
                careful_split(model),
                None if self.people is None else self.people.mixture(self.task),
            )
        return self._rule

    def explain(self) -> dict[str, Float]:
        """Return its belief (T,) and the information of a look at each cell now [bit] (C,)."""
        seen = self.observation or self.observe(affect=False)[0]
        targets = target_cells(self.task, seen)
        beliefs = exact_exps(self.state["log_beliefs"])
        mixture = self.rule().mixture
        if mixture is not None:
            told = mixture.gain(np.asarray(self.state["log_joint"])[None], targets)[0]
            return {"beliefs": beliefs, "information": told}
        table = self.rule().table[:, targets[0]]
        return {"beliefs": beliefs, "information": information_gain(beliefs[None], table)[0]}


def target_cells(task: Pointing, seen: StateTree) -> Int:
    """Return the cells of the targets that an agent sees, (1, T)."""
    return task.cells_of(seen["task_state"]["targets"])[None]


class GoalInference(InferenceEngine):
    """Updates the belief over targets by what the user did where the cursor was."""

    def __init__(self, agent: JumpAssistant) -> None:
        self._agent = agent

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        agent, rule = self._agent, self._agent.rule()
        cell = agent.task.cell_of(observation["task_state"]["position"])
        action = action_index(agent.known_model(), observation["user_action"]["action"])
        if rule.mixture is not None:
            joint = rule.mixture.learn(
                state["log_joint"][None],
                np.array([cell]),
                target_cells(agent.task, observation),
                np.array([action]),
                agent.on_zero,
            )
            with np.errstate(divide="ignore"):
                log_beliefs = np.log(rule.mixture.goals(joint)[0])
            return {"log_joint": joint[0], "log_beliefs": log_beliefs}, 0.0
        likelihood = rule.log_table[cell, target_cells(agent.task, observation)[0], action]
        after, _ = update_beliefs(state["log_beliefs"][None], likelihood[None], agent.on_zero)
        return {"log_beliefs": after[0]}, 0.0


class JumpPolicy(Policy):
    """Jumps where the assistant's rule says."""

    def __init__(self, agent: JumpAssistant) -> None:
        self.element = agent.task.cell_element()
        self._agent = agent

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        del stream
        task = self._agent.task
        chosen = choose_cells(
            self._agent.rule(),
            task.positions,
            exact_exps(state["log_beliefs"])[None]
            if self._agent.people is None
            else state["log_joint"][None],
            target_cells(task, observation),
            np.array([task.cell_of(observation["task_state"]["position"])]),
        )
        return task.positions[int(chosen[0])], 0.0


def jumper(
    component: JumpingAssistant,
    task: InteractionTask,
    rule: Literal["information", "map"],
    *,
    threshold: float = 0.8,
    cost: float = 0.0,
    tie: Tie = "nearest",
    about: About = "goal",
) -> JumpAssistant:
    """Return the agent of a component that puts the cursor on a cell.

    Raises:
        BundleConstraintError: If the task is no pointing task.
    """
    game = component.require_pointing(task)
    people = assumed_people(component, game, about)
    known = None if people is None else people.models
    return JumpAssistant(
        game,
        rule,
        # One set of parameters is a model like any other.
        model=known[0] if known else assumed_model(game, component.assumed_error_rate),
        threshold=threshold,
        cost=cost,
        tie=tie,
        on_zero=component.on_zero,
        lapse=component.assumed_lapse if people is None else None,
        otherwise=usual_model(game),
        people=people if people is not None and len(people.models) > 1 else None,
    )


def usual_model(task: Pointing) -> PointingModel:
    """Return the user that an assistant assumes where there is no model to know: careful, with the usual errors."""
    return CarefulModel(dimension=task.dimension)


def assumed_model(task: Pointing, error_rate: float | None) -> PointingModel | None:
    """Return the careful user that an assistant assumes; without an error rate it is the user of its game."""
    return None if error_rate is None else CarefulModel(error_rate, task.dimension)
