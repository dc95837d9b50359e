"""The agents behind the user of a fit: one who is known, or people who come one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from taskloom.registry.components import load_component

from taskloom_hci.bundle.agent import Agent
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.fitting.fitted import FittedPeople, load_fit
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.base import User
from taskloom_hci.users.drawn import DrawnAgent, PeopleDrawn
from taskloom_hci.users.pointing import DrawnPointer, PointingUser


def fitted_agent(
    component: User, task: InteractionTask, file: Path, person: str, games: int
) -> Agent:
    """Return the agent that plays a task as the person of a fit, or as its people.

    Args:
        component: The user that asks.
        task: The task.
        file: The fit.
        person: A person of it, `new` or `mean`.
        games: Games in a row with one of its people.

    Raises:
        BundleConstraintError: If the file is no fit, it knows no such person, or its users do not play the task.
    """
    try:
        fitted = load_fit(file)
        points, weights = fitted.of(person)
    except HciError as error:
        raise BundleConstraintError([str(error)]) from None
    variants = [
        user_of(fitted, dict(zip(fitted.names, point, strict=True))).build(task)
        for point in points.tolist()
    ]
    if len(variants) == 1:
        return variants[0]
    people = PeopleDrawn(weights, games)
    models = [one.model for one in variants if isinstance(one, PointingUser) and one.model]
    if len(models) == len(variants):
        mean = dict(zip(fitted.names, (weights @ points).tolist(), strict=True))
        typical = cast("PointingUser", user_of(fitted, mean).build(task)).model
        if typical is not None:
            return DrawnPointer(component.require_pointing(task), models, people, typical)
    if any(type(one) is not Agent for one in variants):
        raise BundleConstraintError(
            [
                f"The user '{fitted.kind}' has a class of its own: it plays as --user.person=mean alone."
            ]
        )
    return DrawnAgent(variants, people)


def user_of(fitted: FittedPeople, values: dict[str, float]) -> User:
    """Return the user with these values of the parameters; the lapse is that of the fit unless it is one of them."""
    kind = cast("type[User]", load_component("taskloom_hci.users", fitted.kind))
    known = {"lapse": fitted.lapse} if "lapse" in kind.model_fields else {}
    return kind.model_validate({**known, **values})
