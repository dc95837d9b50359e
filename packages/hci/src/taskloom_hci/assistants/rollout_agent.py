"""The assistant that infers what the user is like and tries its actions in simulated games, for any task.

It needs to be told four things: a user model, which hypotheses there are about the user, and who plays the two parts in
its head. `coordinated_rollout` and `pointing_rollout` tell it for shipped tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.simulation import Imagined, RolloutPolicy, SimulatedGame, Together
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.inference.exact import ExactInference, Theta, uniform_log
from taskloom_hci.inference.goal import OnZero
from taskloom_hci.models.model import UserModel, choose
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import array_element
from taskloom_hci.state.state import State, StateTree
from taskloom_hci.state.streams import Stream
from taskloom_hci.task import InteractionTask

Float: TypeAlias = NDArray[np.float64]
Maker: TypeAlias = Callable[
    [Any, Any], Agent
]  # of the task and the user model that the question is about


@dataclass(frozen=True, slots=True)
class Question:
    """The unknowns of a roll-out assistant, and the agents with which it imagines the rest of the game.

    Attributes:
        theta: The hypotheses by name (H, ...), or a function that returns them from what the assistant sees.
        count: How many hypotheses there are.
        user: Makes the imagined user; the hypothesis is written into its state.
        assistant: Makes the imagined assistant, who plays on after the action that is tried.
        told: Returns the values of the imagined assistant's state, given the log-beliefs and the hypothesis that holds: a
            roll-out with an assistant that goes on from the belief is an honest forecast; with one that is told what holds
            it is an upper bound.
        model: The kind of user model that the agents are made from.
        live: Returns the actions that are tried now, given what the assistant sees and its state; by default all of them.
        together: Makes what plays all simulated games of a decision at once, if such games can be, from the task, the user
            model and the imagined assistant.
    """

    theta: Theta | Callable[[StateTree], Theta]
    count: int
    user: Maker
    assistant: Maker
    told: Callable[[Float, Mapping[str, Any]], dict[str, Any]]
    model: type[Any] = UserModel
    together: Callable[[Any, Any, Any], Together | None] | None = None
    live: Callable[[StateTree, Mapping[str, Any]], NDArray[Any]] | None = None


NEGLECT = 1e-4  # hypotheses that are less probable than this are left out if every one is taken


def least_imagined(count: int) -> float:
    """Return the belief from which on one of `count` hypotheses is imagined; one is never below the mean, so some are."""
    return min(NEGLECT, 1.0 / count / 2)


class Imagination:
    """Imagines a user for every hypothesis, weighted by the belief, or some that are drawn from it.

    Args:
        inference: Keeps the belief.
        question: What is not known.
        samples: How many users to draw; 0 takes every hypothesis.
    """

    def __init__(self, inference: ExactInference, question: Question, samples: int) -> None:
        self.inference, self.question, self.samples = inference, question, samples

    def __call__(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> Sequence[Imagined]:
        """Return what to simulate."""
        theta = self.inference.theta_in(observation)
        log_beliefs = state[self.inference.key]
        p = np.exp(log_beliefs)
        if self.samples:
            chosen = [int(choose(p, stream.uniform())) for _ in range(self.samples)]
            weights = [1.0 / self.samples] * self.samples
        else:
            chosen = np.flatnonzero(p >= least_imagined(len(p))).tolist()
            weights = (p[chosen] / p[chosen].sum()).tolist()
        return [
            Imagined(weight, known, self.question.told(log_beliefs, known))
            for weight, h in zip(weights, chosen, strict=True)
            for known in [{name: values[h] for name, values in theta.items()}]
        ]


class Twin:
    """Maker of the simulation: the task with an imagined user and assistant."""

    def __init__(self, model: UserModel, question: Question, rounds: int) -> None:
        self.model, self.question, self.rounds = model, question, rounds

    def __call__(self, task: InteractionTask) -> SimulatedGame:
        """Return the simulation of a task."""
        question = self.question
        user, assistant = question.user(task, self.model), question.assistant(task, self.model)
        made = None if question.together is None else question.together(task, self.model, assistant)
        return SimulatedGame(task, user, assistant, self.rounds, together=made)


class _Unready(Policy):
    """Stand-in for the roll-out policy until the user model is known."""

    def __init__(self, task: InteractionTask) -> None:
        self.element = task.assistant_element()

    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Any, float]:
        """Refuse: there is no game yet."""
        del observation, state, stream
        raise BundleConstraintError(["A roll-out assistant needs to be part of a bundle."])


class RolloutAssistant(Agent):
    """Infers what the user is like, and takes the action that does best in simulated games.

    Args:
        task: The task it will play.
        question: What it does not know.
        candidates: The actions it tries (X, ...).
        model: How it believes the user acts; by default as the user of its game does.
        rounds: How many rounds it looks ahead.
        samples: How many users it imagines for a decision; 0 takes every hypothesis, weighted.
        on_zero: What it does when the user does something that every hypothesis rules out.
        lapse: Lapse that it believes the user to have; by default that of the model.
        otherwise: How it believes a user acts who has no model.
    """

    def __init__(
        self,
        task: InteractionTask,
        question: Question,
        candidates: NDArray[Any],
        *,
        model: UserModel | None = None,
        rounds: int = 12,
        samples: int = 0,
        on_zero: OnZero = "raise",
        lapse: float | None = None,
        otherwise: UserModel | None = None,
    ) -> None:
        self._otherwise = otherwise
        self.lapse = lapse
        self.question, self.candidates, self.model = question, candidates, model
        self.rounds, self.samples = rounds, samples
        self.on_zero: OnZero = on_zero
        prior = uniform_log(question.count)
        element = array_element((question.count,), prior, out_of_bounds_mode="silent")
        super().__init__("assistant", policy=_Unready(task), state=State(log_beliefs=element))

    def finit(self) -> None:
        """Take the user's model for its own, unless it was given one."""
        model = self.model if self.model is not None else getattr(self.game.user, "model", None)
        model = self._otherwise if model is None else model
        if model is None or not isinstance(model, self.question.model):
            kind = self.question.model.__name__
            raise BundleConstraintError(
                [f"This assistant needs a user model ({kind}): the user has none, so give it one."]
            )
        model = model if self.lapse is None else model.lapsing(self.lapse)
        self.model = model
        inference = ExactInference(model, self.question.theta, on_zero=self.on_zero)
        self.inference_engine = inference
        if type(self.policy) is not _Unready:
            return  # a learned policy took its place, in this body
        self.policy = RolloutPolicy(
            self.policy.element,
            self.candidates,
            Twin(model, self.question, self.rounds),
            Imagination(inference, self.question, self.samples),
            rounds=self.rounds,
            live=self.question.live,
        )
