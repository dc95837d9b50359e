"""Bringing an arm to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from taskloom import OneOf, Unit
from taskloom.moved import moved_names

from taskloom_hci.assistants.base import Assistant
from taskloom_hci.config import HciConfig
from taskloom_hci.users.base import User
from taskloom_hci.users.lqg import LQGUser

if TYPE_CHECKING:
    from taskloom_hci.games.control import ClassicControl


class ClassicControlConfig(HciConfig):
    """An arm that a user brings from 0.5 to 0, through a noisy muscle."""

    game_class = "ClassicControl"
    user: Annotated[User, OneOf("taskloom_hci.users")] = LQGUser()
    """The user, which controls the arm."""
    assistant: Annotated[Assistant, OneOf("taskloom_hci.assistants")] | None = None
    """An assistant; there is none here."""
    episodes: Annotated[int, Field(ge=1, le=10_000_000)] = 200
    """Episodes that are played."""
    timestep: Annotated[float, Field(gt=0, le=0.05), Unit("s")] = 0.01
    """Length of a step."""
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 150
    """Steps after which an episode is cut off."""
    control_noise: Annotated[float, Field(ge=0, le=2)] = 0.08
    """Standard deviation of the muscle's noise, as a share of its drive."""
    noise: bool = True
    """Noise of any kind."""
    reach: Annotated[float, Field(gt=0)] = 0.01
    """The episode ends when the position is closer to 0 than this."""
    still: Annotated[float, Field(gt=0), Unit("1/s")] = 0.1
    """The episode ends when the velocity is smaller than this as well."""


def classic_control(config: ClassicControlConfig) -> ClassicControl:
    """An arm that a user brings to rest through noise."""
    from taskloom_hci.games.control import ClassicControl  # gymnasium is heavy
    from taskloom_hci.motor import arm

    problem = arm.arm_problem(config.control_noise)
    return ClassicControl(
        problem.A,
        problem.B,
        F=problem.F,
        G=problem.G,
        H=problem.Y,
        timestep=config.timestep,
        noise=config.noise,
        start=arm.START,
        end=(config.reach, config.still, float("inf"), float("inf")),
        max_rounds=config.max_rounds,
        problem=problem,
    )


__getattr__ = moved_names(__name__)
