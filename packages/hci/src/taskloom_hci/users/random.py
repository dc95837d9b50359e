"""The user who does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class RandomUser(User):
    """Actions drawn at random from their space."""

    kind: Literal["random"] = "random"

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.games.pointing import Pointing  # gymnasium is heavy
        from taskloom_hci.models.pointing import Indifferent
        from taskloom_hci.policies.policy import RandomPolicy
        from taskloom_hci.users import pointing

        # A model instead of draws from the space: an assistant can infer from it, and the kernels play it.
        if isinstance(task, Pointing):
            return pointing.PointingUser(task, Indifferent(task.dimension))
        return pointing.agent_with(task, RandomPolicy(task.user_element()))
