"""Assistants as configs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from taskloom import Component, Unit

if TYPE_CHECKING:
    from taskloom_hci.agent import Agent
    from taskloom_hci.task import InteractionTask


class AssistantConfig(Component):
    """Base of every assistant."""

    mode: ClassVar[Literal["gain", "position"]] = "gain"
    """What its action means in a pointing task."""

    def build(self, task: InteractionTask) -> Agent | None:
        """Return the assistant that will play `task`; None leaves the assistant's turns out.

        Raises:
            BundleConstraintError: If this assistant cannot play that task.
        """
        raise NotImplementedError


class NoAssistantConfig(AssistantConfig):
    """Leaves the user alone: the assistant's turns pass."""

    kind: Literal["none"] = "none"

    def build(self, task: InteractionTask) -> None:
        del task


class RandomAssistantConfig(AssistantConfig):
    """Draws every action from its space."""

    kind: Literal["random"] = "random"

    def build(self, task: InteractionTask) -> Agent:
        # The implementation needs NumPy and gymnasium; a config must not.
        from taskloom_hci.assistants.build import random_assistant

        return random_assistant(task)


class ConstantGainConfig(AssistantConfig):
    """Multiplies every move of the user by the same number."""

    kind: Literal["gain"] = "gain"
    gain: Annotated[int, Field(ge=1, le=1000)] = 1
    """Cells that the cursor moves for each cell the user asks for."""

    def build(self, task: InteractionTask) -> Agent:
        # The implementation needs NumPy and gymnasium; a config must not.
        from taskloom_hci.assistants.build import constant_gain

        return constant_gain(task, self.gain)


class JumpConfig(AssistantConfig):
    """Base of the assistants that put the cursor on a cell."""

    mode: ClassVar[Literal["gain", "position"]] = "position"
    assumed_error_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Error rate it believes the user to have; by default it knows the user's own model."""
    on_zero: Literal["raise", "uniform"] = "raise"
    """What it does when the user does something it holds impossible: stop, or start again from a uniform belief."""


class BigConfig(JumpConfig):
    """Puts the cursor where the user's answer tells most about the goal (Bayesian information gain)."""

    kind: Literal["big"] = "big"
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Above this belief it jumps to the likeliest target."""
    cost: Annotated[float, Field(ge=0), Unit("bit/cell")] = 0.0
    """What a jump costs for every cell it is long."""
    tie: Literal["nearest", "highest"] = "nearest"
    """Which of equally telling cells it takes; CoopIHC takes the highest."""

    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import jump_assistant

        return jump_assistant(
            task,
            "information",
            self.assumed_error_rate,
            threshold=self.threshold,
            cost=self.cost,
            tie=self.tie,
            on_zero=self.on_zero,
        )


class MapConfig(JumpConfig):
    """Jumps to the likeliest target in every round."""

    kind: Literal["map"] = "map"

    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import jump_assistant

        return jump_assistant(task, "map", self.assumed_error_rate, on_zero=self.on_zero)
