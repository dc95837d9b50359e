"""Puts users together for the task they will play."""

from __future__ import annotations

from collections.abc import Callable

from taskloom_hci.agent import Agent
from taskloom_hci.elements import discrete_array_element
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Coordinated
from taskloom_hci.models.pointing import Indifferent, PointingModel
from taskloom_hci.models.polynomial import SIZE, Polynomial
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.policies.policy import RandomPolicy
from taskloom_hci.state import State
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.pointing import PointingUser


def pointing_user(task: InteractionTask, model: Callable[[int], PointingModel], kind: str) -> Agent:
    """Return a pointing user with the model for the task's dimension."""
    if not isinstance(task, Pointing):
        raise BundleConstraintError(
            [f"The user '{kind}' plays pointing tasks, not {type(task).__name__}."]
        )
    return PointingUser(task, model(task.dimension))


def random_user(task: InteractionTask) -> Agent:
    """Return a user whose actions are drawn from what the task calls a user's action."""
    if isinstance(task, Pointing):
        return PointingUser(task, Indifferent(task.dimension))
    return Agent("user", policy=RandomPolicy(task.user_element()))


def polynomial_user(task: InteractionTask, coefficients: tuple[int, int, int]) -> Agent:
    """Return a user of the coordinated task who follows a hidden polynomial."""
    if not isinstance(task, Coordinated):
        raise BundleConstraintError(
            [f"The user 'polynomial' plays the coordinated task, not {type(task).__name__}."]
        )
    model = Polynomial(coefficients)
    state = State(
        {
            name: discrete_array_element(SIZE, init=value)
            for name, value in zip(model.hidden, model.coefficients, strict=True)
        }
    )
    return Agent("user", policy=ModelPolicy(model, task.user_element()), state=state)
