"""Errors of the control domain, each with one sentence as its message.

TaskloomError
`-- ControlError        1
    |-- ModelError      1   a model that does not compile, has no actuator, or lacks a name
    |-- RewardError     1   a reward of the wrong shape or without a number
    |-- PlanError       1   a horizon, spline, engine or estimate that cannot plan
    |   `-- ClockError  1   a clock that went back
    `-- LinkError       1   a robot or a controller that is gone, or speaks something else
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from taskloom.errors import TaskloomError


class ControlError(TaskloomError):
    """Base of the errors of this domain."""


class ModelError(ControlError):
    """A model that cannot be used."""


class RewardError(ControlError):
    """A reward that cannot be used."""


def not_a_number(task: object, terms: Mapping[str, float], moment: float) -> str:
    """Return the sentence on a reward that is not a finite number, with the name of the term if it is known.

    Args:
        task: The task.
        terms: One number for each term, not finite where the term is to blame; empty if the task has no terms.
        moment: Simulated time [s].
    """
    where = f"the reward of {type(task).__name__}"
    for name, value in terms.items():
        if not math.isfinite(value):
            return f"The term '{name}' of {where} is not a finite number at time {moment:.6g} s."
    return f"{where.capitalize()} is not a finite number at time {moment:.6g} s."


class PlanError(ControlError):
    """A controller that cannot plan."""


class ClockError(PlanError):
    """A clock that went back by more than a control period."""


class LinkError(ControlError):
    """A connection to a robot or to a controller that cannot be used."""
