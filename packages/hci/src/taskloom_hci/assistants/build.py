"""Puts assistants together for the task they will play."""

from __future__ import annotations

from typing import Literal

from taskloom_hci.agent import Agent
from taskloom_hci.assistants.jump import JumpAssistant
from taskloom_hci.batch.pointing import Tie
from taskloom_hci.elements import discrete_array_element
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.goal import OnZero
from taskloom_hci.models.pointing import Careful
from taskloom_hci.policies.policy import ConstantPolicy, RandomPolicy
from taskloom_hci.task import InteractionTask


def require_pointing(task: InteractionTask, kind: str) -> Pointing:
    """Return the task if it is a pointing task, else raise `BundleConstraintError`."""
    if not isinstance(task, Pointing):
        raise BundleConstraintError(
            [f"The assistant '{kind}' plays pointing tasks, not {type(task).__name__}."]
        )
    return task


def random_assistant(task: InteractionTask) -> Agent:
    """Return an assistant whose actions are drawn from what the task calls an assistant's action."""
    return Agent("assistant", policy=RandomPolicy(task.assistant_element()))


def constant_gain(task: InteractionTask, gain: int) -> Agent:
    """Return an assistant that multiplies every move of the user by `gain`."""
    require_pointing(task, "gain")
    element = discrete_array_element(low=gain, high=gain, init=gain, out_of_bounds_mode="error")
    return Agent("assistant", policy=ConstantPolicy(element))


def jump_assistant(
    task: InteractionTask,
    rule: Literal["information", "map"],
    assumed_error_rate: float | None,
    *,
    threshold: float = 0.8,
    cost: float = 0.0,
    tie: Tie = "nearest",
    on_zero: OnZero = "raise",
) -> Agent:
    """Return an assistant that jumps; it assumes a careful user if an error rate is given, else the user of its game."""
    game = require_pointing(task, "big" if rule == "information" else rule)
    model = Careful(assumed_error_rate, game.dimension) if assumed_error_rate is not None else None
    return JumpAssistant(
        game, rule, model=model, threshold=threshold, cost=cost, tie=tie, on_zero=on_zero
    )
