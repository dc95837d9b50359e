"""The user who acts as people did whose decisions were fitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import InputPath
from typing_extensions import override

from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
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
        from taskloom_hci.users.person import fitted_agent  # gymnasium is heavy

        return fitted_agent(self, task, self.file, self.person, self.games_per_person)
