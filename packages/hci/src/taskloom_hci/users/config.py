"""Users as configs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Component, Unit

if TYPE_CHECKING:
    from taskloom_hci.agent import Agent
    from taskloom_hci.task import InteractionTask


class UserConfig(Component):
    """Base of every user."""

    def build(self, task: InteractionTask) -> Agent:
        """Return the user who will play `task`.

        Raises:
            BundleConstraintError: If this user cannot play that task.
        """
        raise NotImplementedError


class CarefulConfig(UserConfig):
    """Moves towards the goal, with a small rate of errors."""

    kind: Literal["careful"] = "careful"
    error_rate: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Probability of a move that does not shorten the way."""

    def build(self, task: InteractionTask) -> Agent:
        # The implementation needs NumPy and gymnasium; a config must not.
        from taskloom_hci.models.pointing import Careful
        from taskloom_hci.users.build import pointing_user

        return pointing_user(task, lambda dimension: Careful(self.error_rate, dimension), self.kind)


class BoltzmannConfig(UserConfig):
    """Prefers moves that end closer to the goal, the more the more rational it is."""

    kind: Literal["boltzmann"] = "boltzmann"
    rationality: Annotated[float, Field(ge=0), Unit("1/cell")] = 3.0
    """Inverse temperature of the choice; 0 is a random user."""

    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.models.pointing import Boltzmann
        from taskloom_hci.users.build import pointing_user

        return pointing_user(
            task, lambda dimension: Boltzmann(self.rationality, dimension), self.kind
        )


class RandomUserConfig(UserConfig):
    """Draws every action from its space."""

    kind: Literal["random"] = "random"

    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import random_user

        return random_user(task)


class PolynomialConfig(UserConfig):
    """Chooses by a hidden polynomial of the state: pseudo-random, and predictable for whoever knows it."""

    kind: Literal["polynomial"] = "polynomial"
    p0: Annotated[int, Field(ge=0, le=9)] = 1
    """Coefficient of x."""
    p1: Annotated[int, Field(ge=0, le=9)] = 5
    """Coefficient of x squared."""
    p2: Annotated[int, Field(ge=0, le=9)] = 7
    """Coefficient of x cubed."""

    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import polynomial_user

        return polynomial_user(task, (self.p0, self.p1, self.p2))
