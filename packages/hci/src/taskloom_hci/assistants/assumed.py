"""People that an assistant assumes its user to be one of: the sets of parameters of a fit."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.pointing import going_on_table, model_tables
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.fitting.fitted import load_fit
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.mixture import About, Mixture, first_beliefs
from taskloom_hci.models.pointing import PointingModel
from taskloom_hci.users.person import user_of
from taskloom_hci.users.pointing import PointingUser

if TYPE_CHECKING:
    from taskloom_hci.assistants.base import JumpingAssistant

Float: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AssumedPeople:
    """Sets of parameters that a user may have.

    Attributes:
        models: The user's model with each, (K).
        log_weights: Logarithms of their weights, (K,).
        about: The information that a question is worth.
        games: Games in a row with one person.
    """

    models: tuple[PointingModel, ...]
    log_weights: Float
    about: About
    games: int

    def first(self, targets: int) -> Float:
        """Return the log-beliefs (K T,) before anything was seen; see `first_beliefs`."""
        return first_beliefs(self.log_weights, targets)

    def mixture(self, task: Pointing) -> Mixture:
        """Return them as tables of a task."""
        pairs = [(model, *model_tables(task, model)) for model in self.models]
        return Mixture(
            np.stack([table for _, table, _ in pairs]),
            np.stack([going_on_table(model, log_p) for model, _, log_p in pairs]),
            self.log_weights,
            self.about,
        )


def assumed_people(
    component: JumpingAssistant, task: Pointing, about: About = "goal"
) -> AssumedPeople | None:
    """Return the people that an assistant assumes, or None if it names no fit.

    Args:
        component: The assistant.
        task: The task.
        about: The information that a question is worth.

    Raises:
        BundleConstraintError: If the file is no fit, or one of users who do not point.
    """
    if component.assumes is None:
        return None
    if component.assumed_error_rate is not None:
        raise BundleConstraintError(
            ["An assistant assumes an error rate or a fit, not both: leave one of them out."]
        )
    try:
        fitted = load_fit(component.assumes)
        points, weights = fitted.of(component.assumed_person)
    except HciError as error:
        raise BundleConstraintError([str(error)]) from None
    kept = np.flatnonzero(weights > 0.0)
    users: list[Any] = [
        user_of(fitted, dict(zip(fitted.names, points[i].tolist(), strict=True))).build(task)
        for i in kept
    ]
    models = [user.model for user in users if isinstance(user, PointingUser) and user.model]
    if len(models) != len(users):
        raise BundleConstraintError(
            [f"The fit in '{component.assumes}' is of '{fitted.kind}' users, who do not point."]
        )
    return AssumedPeople(tuple(models), np.log(weights[kept]), about, component.games_per_person)


def joint_before(agent: Any, games: int, ended: Float) -> Float | None:  # noqa: ANN401 -- the assistant, whose module imports this one
    """Return the log-beliefs (K T,) at the end of the last game with the person who plays; None if this is their first.

    An episode that does not follow the last one played (a run that goes on, or a game played alone) has its earlier games
    played again, beside the game: what is known does not depend on the episodes that were asked for before.

    Args:
        agent: The assistant; it remembers its last episode.
        games: Games in a row with one person.
        ended: Its log-beliefs at the end of its last game.
    """
    episode = agent.game.episode
    last, agent.last_episode = agent.last_episode, episode
    begun = episode - episode % games
    if episode == begun:
        return None
    if last == episode - 1:
        return ended
    twin = copy.deepcopy(agent.game)
    for earlier in range(begun, episode):
        twin.reset(go_to=0, episode=earlier)
        while not twin.over:
            twin.step()
    return np.array(twin.assistant.state["log_joint"])
