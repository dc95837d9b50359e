"""The user who controls by the state itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from taskloom_hci.bundle.component import CONTROL
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class LQRUser(User):
    """Linear-quadratic regulator: `u = -K x` on the state itself."""

    plays = CONTROL
    kind: Literal["lqr"] = "lqr"
    effort: Annotated[float, Field(gt=0)] = 1e-3
    """Cost of the control."""

    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of a control drawn from all alike, whatever the state."""
    reach: Annotated[float, Field(gt=0)] = 10.0
    """Largest control of a lapse, either way."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        import numpy as np  # gymnasium and numpy are heavy

        from taskloom_hci.games.control import ClassicControl
        from taskloom_hci.motor.lqr import lqr_continuous
        from taskloom_hci.users import linear

        game = self.require(task, ClassicControl)
        problem = linear.problem_of(self, game)
        R = np.eye(game.num_controls) * self.effort
        gain = lqr_continuous(problem.A, problem.B, problem.Q, R)
        agent = linear.LQRAgent(game, gain, problem.Q, R)
        return linear.lapsing_control(agent, self.lapse, self.reach)
