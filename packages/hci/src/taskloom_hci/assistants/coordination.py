"""Assistants of the coordinated task: one that believes it knows the user, and one that finds out."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taskloom_hci.agent import Agent
from taskloom_hci.elements import array_element, discrete_array_element
from taskloom_hci.games.simple import Coordinated
from taskloom_hci.inference.exact import ExactInference, hypotheses, uniform_log
from taskloom_hci.models.model import choose
from taskloom_hci.models.polynomial import SIZE, Polynomial
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.random import Stream
from taskloom_hci.simulation import RolloutPolicy, Simulation
from taskloom_hci.state import State
from taskloom_hci.task import InteractionTask


def predictor(task: Coordinated, coefficients: tuple[int, int, int]) -> Agent:
    """Return an assistant that does what a user with these coefficients would do."""
    return _knowing("assistant", task, Polynomial(coefficients))


def _knowing(role: Any, task: Coordinated, model: Polynomial) -> Agent:
    state = State(
        {
            name: discrete_array_element(SIZE, init=p)
            for name, p in zip(model.hidden, model.coefficients, strict=True)
        }
    )
    return Agent(role, policy=ModelPolicy(model, task.user_element()), state=state)


class Imagination:
    """Draws a user from the belief over `p0`, and an assistant that knows it.

    Args:
        values: The hypotheses about `p0`, (H,).
    """

    def __init__(self, values: Any) -> None:
        self.values = values

    def __call__(
        self, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the imagined user's and the imagined assistant's state."""
        drawn = self.values[int(choose(np.exp(state["log_beliefs"]), stream.uniform()))]
        return {"p0": drawn}, {"p0": drawn}


class Twins:
    """Makes the simulation: the task with an imagined user and assistant.

    Args:
        model: The user model of both.
        rounds: Rounds after which a simulated game is cut off.
    """

    def __init__(self, model: Polynomial, rounds: int) -> None:
        self.model, self.rounds = model, rounds

    def __call__(self, task: InteractionTask) -> Simulation:
        """Return the simulation of a coordinated task."""
        if not isinstance(task, Coordinated):
            raise TypeError("Twins simulate the coordinated task.")
        return Simulation(
            task,
            _knowing("user", task, self.model),
            _knowing("assistant", task, self.model),
            self.rounds,
        )


def rollout(task: Coordinated, p1: int, p2: int, rounds: int) -> Agent:
    """Return an assistant that infers `p0` from what the user did and tries its actions in simulated games.

    Args:
        task: The task it will play.
        p1: The user's second coefficient, which it knows; likewise `p2`.
        p2: See `p1`.
        rounds: How many rounds it looks ahead.
    """
    model = Polynomial((0, p1, p2))
    theta = hypotheses(p0=np.arange(SIZE))
    log_prior = uniform_log(SIZE)
    policy = RolloutPolicy(
        task.assistant_element(),
        np.arange(SIZE),
        Twins(model, rounds),
        Imagination(theta["p0"]),
        rounds=rounds,
    )
    return Agent(
        "assistant",
        policy=policy,
        state=State(
            log_beliefs=array_element((SIZE,), log_prior, high=0.0, out_of_bounds_mode="silent")
        ),
        inference=ExactInference(model, theta),
    )
