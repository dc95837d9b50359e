"""Assistants of the coordinated task: one that believes it knows the user, and one that finds out."""

# ruff: noqa: ANN401 -- what spaces, JSON and foreign signatures hold is of any type

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taskloom_hci.assistants.rollout import Float, Question, RolloutAssistant
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.games.simple import Coordinated
from taskloom_hci.inference.exact import hypotheses
from taskloom_hci.models.model import UserModel
from taskloom_hci.models.polynomial import SIZE, Polynomial
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.state.state import State
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


def _imagined_user(task: InteractionTask, model: UserModel) -> Agent:
    return _knowing("user", *_require(task, model))


def _imagined_assistant(task: InteractionTask, model: UserModel) -> Agent:
    return _knowing("assistant", *_require(task, model))


def _require(task: InteractionTask, model: UserModel) -> tuple[Coordinated, Polynomial]:
    if not isinstance(task, Coordinated) or not isinstance(model, Polynomial):
        raise BundleConstraintError(["Coordination is simulated with its task and polynomials."])
    return task, model


def _told(log_beliefs: Float, known: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the imagined assistant what holds: with a user who always does the same there is nothing to lose by that."""
    del log_beliefs
    return dict(known)


def rollout(task: Coordinated, p1: int, p2: int, rounds: int) -> Agent:
    """Return an assistant that infers `p0` from what the user did and tries its actions in simulated games.

    Args:
        task: The task it will play.
        p1: The user's second coefficient, which it knows; likewise `p2`.
        p2: See `p1`.
        rounds: How many rounds it looks ahead.
    """
    question = Question(
        hypotheses(p0=np.arange(SIZE)), SIZE, _imagined_user, _imagined_assistant, _told
    )
    return RolloutAssistant(
        task,
        question,
        np.arange(SIZE),
        model=Polynomial((0, p1, p2)),
        rounds=rounds,
        samples=1,
    )
