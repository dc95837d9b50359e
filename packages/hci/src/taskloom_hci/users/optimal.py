"""The pointer that takes the fewest rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Config
from typing_extensions import override

from taskloom_hci.assistants.base import mode_of
from taskloom_hci.bundle.component import Games
from taskloom_hci.errors import BundleConstraintError
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class Optimal(User):
    """Pointing in the fewest rounds, by value iteration.

    It knows the gain that it counts on.
    """

    plays = Games(
        "plays pointing tasks with an assistant of constant gain, or with none.", ("Pointing",)
    )
    kind: Literal["optimal"] = "optimal"
    gain: Annotated[int, Field(ge=1, le=1000)] = 1
    """Gain of the assistant it counts on."""
    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of an action drawn from all alike, whatever the goal."""

    @override
    def check(self, config: Config) -> str:
        mode = mode_of(getattr(config, "assistant", None))
        return self.fits(type(config)) or ("" if mode == "gain" else self.misfit(""))

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.models.optimal import OptimalModel  # gymnasium is heavy
        from taskloom_hci.users.pointing import modelled

        if getattr(task, "mode", "gain") != "gain":
            raise BundleConstraintError([self.misfit("")])
        return modelled(self, task, lambda game: OptimalModel(game, self.gain).lapsing(self.lapse))
