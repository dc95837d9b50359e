"""The user who searches with noisy eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from taskloom_hci.bundle.component import GAZE
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class GazeUser(User):
    """Visual search with eyes that see worse away from the fixation.

    Chen et al., CHI 2021.
    """

    plays = GAZE
    kind: Literal["gaze"] = "gaze"
    perceptual_noise: Annotated[float, Field(gt=0)] = 0.09
    """Noise of what is seen, for a unit of eccentricity."""
    oculomotor_noise: Annotated[float, Field(ge=0)] = 0.09
    """Noise of a saccade, for a unit of its length."""
    noise_law: Literal["variance", "sd"] = "variance"
    """Quantity that grows in proportion to the distance: the variance (as in CoopIHC) or the standard deviation."""

    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of a look anywhere on the screen, whatever was seen."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.bundle.agent import Agent  # gymnasium is heavy
        from taskloom_hci.games.gaze import Gaze
        from taskloom_hci.policies import gaze

        game = self.require(task, Gaze)
        return Agent(
            self.role,
            policy=gaze.saccades(
                game.user_element(), self.oculomotor_noise, self.noise_law, self.lapse
            ),
            state=gaze.prior_belief(game.dimension),
            observation=gaze.BlurredView(self.perceptual_noise, self.noise_law),
            inference=gaze.TargetInference(self.perceptual_noise, self.noise_law),
        )
