"""Turn a cube on the palm to random orientations, one after another, as in judo's leap_cube."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from taskloom_control.arrays import Array
from taskloom_control.config import AnyOptimizer, ControlConfig, ControllerConfig
from taskloom_control.models import model_path
from taskloom_control.optimizers.config import Mppi
from taskloom_control.task import Metadata, StagedTask
from taskloom_control.tasks.costs import Weight
from taskloom_control.tasks.cube_in_hand import advance, cube_costs, next_goal, solved

if TYPE_CHECKING:
    import numpy as np

PLACE = (0.0, 0.0, 0.042)
# Angles of a finger that is bent around the cube: side, first, second and third joint [rad].
POSE = (0.0, 0.1, 0.2, 0.3)


class HandCubeConfig(ControlConfig):
    """The cost of turning the cube."""

    w_position: Weight = 100.0
    """Weight of the squared distance of the cube from its place."""
    w_turn: Weight = 0.1
    """Weight of the squared angle between the cube and the goal."""
    controller: ControllerConfig = ControllerConfig(horizon=0.6, spline="cubic")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = Mppi(num_rollouts=32, sigma=0.2, ess=3, noise_ramp=2.0, keep=0)
    """What improves the plan."""


class HandCube(StagedTask[HandCubeConfig]):
    """Turn a cube on the palm; the controls are the angles of sixteen joints."""

    model_path = model_path("hand_cube")

    def __init__(self, config: HandCubeConfig) -> None:
        super().__init__(config)

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: HandCubeConfig,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        """Return the terms of the cost per step."""
        goal = (system_metadata or {}).get("goal", (1.0, 0.0, 0.0, 0.0))
        return cube_costs(states, PLACE, goal, (config.w_position, config.w_turn))

    def get_sim_metadata(self) -> Metadata:
        """Tell the controller how the cube should be turned."""
        return {"goal": self.data.mocap_quat[0].copy()}

    def optimizer_warm_start(self) -> np.ndarray:
        """Bend the fingers around the cube."""
        import numpy as np  # not needed for names and help

        return np.tile(POSE, 4)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin with the cube in its place, turned about the vertical, and a random goal."""
        turn = rng.uniform(-math.pi / 4, math.pi / 4)
        self.data.qpos[:7] = (*PLACE, math.cos(turn / 2), 0.0, 0.0, math.sin(turn / 2))
        self.data.qpos[7:] = POSE * 4
        next_goal(self.data, self.config.seed)

    def post_sim_step(self) -> None:
        """Count a goal that is reached and choose the next; put back a cube that was lost."""
        advance(self.data, self.config.seed, (*PLACE, 1.0, 0.0, 0.0, 0.0))

    def success(self) -> bool:
        """At least two goals in a row have been reached, and the hand still has the cube."""
        return solved(self.data, PLACE)

    def episode_metrics(self) -> Mapping[str, float]:
        """Return how many goals were reached."""
        return {"goals": float(self.data.userdata[0])}
