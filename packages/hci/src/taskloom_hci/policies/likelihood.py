"""A policy that is a user model: it draws the action from the model's probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from taskloom_hci.models.model import UserModel, choose, probabilities
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream


class ModelPolicy(Policy):
    """Acts as a user model says.

    Args:
        model: The model; what it calls hidden is read from the agent's own state.
        element: What an action may be.
    """

    def __init__(self, model: UserModel, element: Element) -> None:
        self.model = model
        self.element = element

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        # One uniform number an action, whatever the number of actions: the kernels draw by the same inverse distribution.
        theta = {name: state[name] for name in self.model.hidden}
        p = probabilities(self.model, self.model.observation_of(observation), theta)
        return self.model.actions[int(choose(p, stream.uniform()))], 0.0
