"""The user who acts as people did whose decisions were fitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import Field
from taskloom import InputPath
from taskloom.registry.components import load_component
from typing_extensions import override

from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.fitting.fitted import FittedPeople
    from taskloom_hci.task import InteractionTask


class Fitted(User):
    """A person whose parameters were fitted: another one each time, one of them, or their mean."""

    kind: Literal["fitted"] = "fitted"
    file: InputPath = Path("fit.npz")
    """The file that `tasks hci fit --out` wrote."""
    person: str = "new"
    """Name of a person of the fit; `new` draws one who is like them, `mean` has the mean of their parameters."""
    games_per_person: Annotated[int, Field(ge=1)] = 1
    """Games in a row that a person who is drawn plays before the next one comes."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.bundle.agent import Agent  # gymnasium is heavy
        from taskloom_hci.users.drawn import DrawnAgent, PeopleDrawn
        from taskloom_hci.users.pointing import DrawnPointer, PointingUser

        try:
            fitted = fitted_in(self.file)
            points, weights = fitted.of(self.person)
        except HciError as error:
            raise BundleConstraintError([str(error)]) from None
        variants = [
            user_of(fitted, dict(zip(fitted.names, point, strict=True))).build(task)
            for point in points.tolist()
        ]
        people = PeopleDrawn(weights, self.games_per_person)
        if len(variants) == 1:
            return variants[0]
        models = [one.model for one in variants if isinstance(one, PointingUser) and one.model]
        if len(models) == len(variants):
            mean = dict(zip(fitted.names, (weights @ points).tolist(), strict=True))
            typical = cast("PointingUser", user_of(fitted, mean).build(task)).model
            if typical is not None:
                return DrawnPointer(self.require_pointing(task), models, people, typical)
        if any(type(one) is not Agent for one in variants):
            raise BundleConstraintError(
                [
                    f"The user '{fitted.kind}' has a class of its own: it plays as --user.person=mean alone."
                ]
            )
        return DrawnAgent(variants, people)


def fitted_in(file: Path) -> FittedPeople:
    """Return the fit in a file.

    Raises:
        HciError: If it is none.
    """
    from taskloom_hci.fitting.fitted import load_fit  # gymnasium is heavy

    return load_fit(file)


def user_of(fitted: FittedPeople, values: dict[str, float]) -> User:
    """Return the user with these values of the parameters; the lapse is that of the fit unless it is one of them."""
    component = cast("type[User]", load_component("taskloom_hci.users", fitted.kind))
    known = {"lapse": fitted.lapse} if "lapse" in component.model_fields else {}
    return component(**{**known, **values})  # pyright: ignore[reportCallIssue] -- fields of its own
