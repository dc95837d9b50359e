"""The agent behind every pointing user: it picks a goal among the targets and acts by a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.models.pointing import PointingModel
from taskloom_hci.policies.likelihood import ModelPolicy
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import discrete_array_element
from taskloom_hci.state.state import State
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.drawn import PeopleDrawn

if TYPE_CHECKING:
    from taskloom_hci.users.base import User


class PointingUser(Agent):
    """A user whose goal is one of the targets, each equally likely.

    Args:
        task: The task it will play.
        model: How it acts.
        policy: Acts instead of the model.

    Attributes:
        typical: A model that stands for a user who acts by none, or by several: it is what assistants take it for.
    """

    typical: PointingModel | None = None

    def __init__(
        self, task: Pointing, model: PointingModel | None = None, policy: Policy | None = None
    ) -> None:
        chosen = ModelPolicy(model, task.user_element()) if model is not None else policy
        super().__init__("user", policy=chosen, state=State(goal=task.cell_element()))
        self.model = model

    def reset(self) -> None:
        """Pick a goal."""
        targets = self.game.task.state["targets"]
        self.state["goal"] = targets[self.stream.integer(len(targets))]


class DrawnPointer(PointingUser):
    """A user who is another person after some games, with parameters of their own.

    Args:
        task: The task it will play.
        models: How people act, one for each set of parameters.
        people: Whose turn it is.
        typical: A model that stands for all of them.
    """

    def __init__(
        self,
        task: Pointing,
        models: Sequence[PointingModel],
        people: PeopleDrawn,
        typical: PointingModel,
    ) -> None:
        super().__init__(task, policy=ModelPolicy(models[0], task.user_element()))
        self.models, self.people, self.typical = tuple(models), people, typical
        self.state["person"] = discrete_array_element(low=0)

    def reset(self) -> None:
        """Pick a goal, and take the parameters of the person who plays."""
        super().reset()
        self.become(*self.people.playing(self.game.seed, self.game.episode))

    def become(self, number: int, which: int) -> None:
        """Play as a person, by their number and that of their set of parameters."""
        self.state["person"] = number
        self.policy = ModelPolicy(self.models[which], self.policy.element)


def modelled(
    user: User, task: InteractionTask, model: Callable[[Pointing], PointingModel]
) -> Agent:
    """Return a user of a pointing task who acts by a model that is made for the task.

    Raises:
        BundleConstraintError: If it is another task.
    """
    game = user.require_pointing(task)
    return PointingUser(game, model(game))


def agent_with(task: InteractionTask, policy: Policy) -> Agent:
    """Return a user who acts by a policy; in a pointing task it has a goal, on which the game ends."""
    if isinstance(task, Pointing):
        return PointingUser(task, policy=policy)
    return Agent("user", policy=policy)
