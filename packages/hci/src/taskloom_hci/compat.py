"""The seed system's names (CoopIHC), so that a task written for it runs nearly unchanged.

    from taskloom_hci.compat import Bundle, InteractionTask, discrete_array_element

What is different on purpose is told in the documentation of the domain.
"""

# ruff: noqa: PLC0414 -- re-exports, under the names of the seed system

from __future__ import annotations

from taskloom_hci.bundle import Bundle as Bundle
from taskloom_hci.elements import (
    array_element as array_element,
    cat_element as cat_element,
    discrete_array_element as discrete_array_element,
)
from taskloom_hci.errors import (
    SpaceNotSeparableError as SpaceNotSeparableError,
)
from taskloom_hci.policies.feedback import LinearFeedback as LinearFeedback
from taskloom_hci.policies.policy import (
    DualPolicy as DualPolicy,
    RandomPolicy as RandomPolicy,
)
from taskloom_hci.spaces import (
    box_space as box_space,
    integer_set as integer_set,
    integer_space as integer_space,
)
from taskloom_hci.state import State as State
from taskloom_hci.task import InteractionTask as InteractionTask

__all__ = [
    "Bundle",
    "DualPolicy",
    "InteractionTask",
    "LinearFeedback",
    "RandomPolicy",
    "SpaceNotSeparableError",
    "State",
    "array_element",
    "box_space",
    "cat_element",
    "discrete_array_element",
    "integer_set",
    "integer_space",
]
