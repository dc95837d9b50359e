"""What can be wrong with a control task, each said in one sentence.

TaskloomError
|-- ModelError    a model that does not compile, has no actuator, or lacks a name
|-- RewardError   a reward of the wrong shape or without a number
`-- PlanError     a horizon, spline or engine that cannot plan
"""

from __future__ import annotations

from taskloom.errors import TaskloomError


class ModelError(TaskloomError):
    """A model that cannot be used."""


class RewardError(TaskloomError):
    """A reward that cannot be used."""


class PlanError(TaskloomError):
    """A controller that cannot plan."""
