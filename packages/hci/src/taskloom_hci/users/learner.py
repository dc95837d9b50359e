"""The agent behind the user who learns items and forgets them."""

from __future__ import annotations

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.games.teaching import Teaching
from taskloom_hci.models.memory import MemoryModel
from taskloom_hci.policies.recall import Answer, Practice, nothing_learnt
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.base import User


def learner(
    user: User, task: InteractionTask, forgetting: float, repetition: float, lapse: float
) -> Agent:
    """Return the agent that learns in a teaching task.

    Args:
        user: The user that asks.
        task: The task.
        forgetting: Rate of forgetting [1/s].
        repetition: Effect of a further presentation.
        lapse: Probability of any answer at all.

    Raises:
        BundleConstraintError: If it is another task.
    """
    game = user.require(task, Teaching)
    model = MemoryModel(forgetting, repetition).lapsing(lapse)
    return Agent(
        user.role,
        policy=Answer(game.user_element(), model),
        state=nothing_learnt(game.num_items),
        inference=Practice(),
        parameters={"forgetting": forgetting, "repetition": repetition},
    )
