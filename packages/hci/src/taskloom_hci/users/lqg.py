"""The user who controls by an estimate of the state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from taskloom_hci.bundle.component import CONTROL
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class LQGUser(User):
    """Linear-quadratic-Gaussian control by an estimate of the state.

    The increments it sees are noisy; estimate and control are optimal together (Qian et al., 2013).
    """

    plays = CONTROL
    kind: Literal["lqg"] = "lqg"
    effort: Annotated[float, Field(gt=0)] = 1e-3
    """Cost of the control."""
    noise: bool = True
    """Noise in what it sees."""

    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of a control drawn from all alike, whatever the state."""
    reach: Annotated[float, Field(gt=0)] = 10.0
    """Largest control of a lapse, either way."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        import numpy as np  # gymnasium and numpy are heavy

        from taskloom_hci.games.control import ClassicControl
        from taskloom_hci.users import linear

        game = self.require(task, ClassicControl)
        R = np.eye(game.num_controls) * self.effort
        agent = linear.LQGAgent(game, replace(linear.problem_of(self, game), R=R), noise=self.noise)
        return linear.lapsing_control(agent, self.lapse, self.reach)
