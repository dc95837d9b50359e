"""The coordinated task for the roll-out assistant: the first coefficient of the user is what it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from taskloom_hci.assistants.rollout_agent import Float, Question, RolloutAssistant
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.games.simple import Coordinated
from taskloom_hci.inference.exact import hypotheses
from taskloom_hci.models.polynomial import SIZE, PolynomialModel
from taskloom_hci.users.polynomial import polynomial_agent


def _told(log_beliefs: Float, known: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the imagined assistant what holds: with a user who always does the same there is nothing to lose by that."""
    del log_beliefs
    return dict(known)


def coordinated_rollout(task: Coordinated, p1: int, p2: int, rounds: int, lapse: float) -> Agent:
    """Return an assistant that infers `p0` from what the user did and tries its actions in simulated games.

    Args:
        task: The task it will play.
        p1: The user's second coefficient, which it knows; likewise `p2`.
        p2: See `p1`.
        rounds: How many rounds it looks ahead.
        lapse: Lapse that it believes the user to have.
    """
    question = Question(
        hypotheses(p0=np.arange(SIZE)),
        SIZE,
        partial(polynomial_agent, "user"),
        partial(polynomial_agent, "assistant"),
        _told,
    )
    return RolloutAssistant(
        task,
        question,
        np.arange(SIZE),
        model=PolynomialModel((0, p1, p2)),
        rounds=rounds,
        samples=1,
        lapse=lapse,
    )
