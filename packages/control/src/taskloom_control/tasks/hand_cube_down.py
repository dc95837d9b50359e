"""Turn a cube held from above to random orientations, one after another, as in judo's leap_cube_down."""

from __future__ import annotations

from taskloom_control.mjcf.files import model_path
from taskloom_control.tasks.costs import Weight
from taskloom_control.tasks.cube_in_hand import CubeConfig, CubeInHand


class HandCubeDownConfig(CubeConfig):
    """The cost of turning the cube."""

    w_turn: Weight = 0.2
    """Weight of the squared angle between the cube and the goal."""


class HandCubeDown(CubeInHand[HandCubeDownConfig]):
    """Turn a cube held from above; the controls are the angles of sixteen joints."""

    model_path = model_path("hand_cube_down")
    place = (0.0, 0.0, -0.042)
    pose = (0.0, 0.15, 0.05, 1.4)

    def __init__(self, config: HandCubeDownConfig) -> None:
        super().__init__(config)
