"""Turn a cube on the palm to random orientations, one after another, as in judo's leap_cube."""

from __future__ import annotations

from taskloom_control.mjcf.files import model_path
from taskloom_control.tasks.cube_in_hand import CubeConfig, CubeInHand


class HandCubeConfig(CubeConfig):
    """The cost of turning the cube."""


class HandCube(CubeInHand[HandCubeConfig]):
    """Turn a cube on the palm; the controls are the angles of sixteen joints."""

    model_path = model_path("hand_cube")
    place = (0.0, 0.0, 0.042)
    pose = (0.0, 0.1, 0.2, 0.3)

    def __init__(self, config: HandCubeConfig) -> None:
        super().__init__(config)
