"""Assistants as configs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from taskloom import Component, Unit
from typing_extensions import override

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.task import InteractionTask


class AssistantConfig(Component):
    """Base of every assistant."""

    mode: ClassVar[Literal["gain", "position"]] = "gain"
    """What its action means in a pointing task."""

    def build(self, task: InteractionTask) -> Agent:
        """Return the assistant that will play `task`.

        Raises:
            BundleConstraintError: If this assistant cannot play that task.
        """
        raise NotImplementedError


class RandomAssistantConfig(AssistantConfig):
    """Draws every action from its space."""

    kind: Literal["random"] = "random"

    @override
    def build(self, task: InteractionTask) -> Agent:
        # The implementation needs NumPy and gymnasium; a config must not.
        from taskloom_hci.assistants.build import random_assistant

        return random_assistant(task)


class ConstantGainConfig(AssistantConfig):
    """Multiplies every move of the user by the same number."""

    kind: Literal["gain"] = "gain"
    gain: Annotated[int, Field(ge=1, le=1000)] = 1
    """Cells that the cursor moves for each cell the user asks for."""

    @override
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

    @override
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

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import jump_assistant

        return jump_assistant(task, "map", self.assumed_error_rate, on_zero=self.on_zero)


class LeitnerConfig(AssistantConfig):
    """Teaches with Leitner's boxes: what was known comes back later, what was not comes back sooner."""

    kind: Literal["leitner"] = "leitner"
    shortest: Annotated[float, Field(gt=0), Unit("s")] = 4.0
    """Time until an item of the first box is due; every further box doubles it."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import teacher_leitner

        return teacher_leitner(task, self.shortest)


class MyopicConfig(AssistantConfig):
    """Shows the weakest item if it is below mastery, else a new one; knows how its user forgets."""

    kind: Literal["myopic"] = "myopic"
    forgetting: Annotated[float, Field(gt=0), Unit("1/s")] = 0.01
    """What it believes of the user's rate of forgetting."""
    repetition: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """What it believes of the effect of a further presentation."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import teacher_myopic

        return teacher_myopic(task, "myopic", self.forgetting, self.repetition)


class ConservativeConfig(AssistantConfig):
    """Teaches only as many items as it could bring to mastery by the exam, by simulating the myopic teacher."""

    kind: Literal["conservative"] = "conservative"
    forgetting: Annotated[float, Field(gt=0), Unit("1/s")] = 0.01
    """What it believes of the user's rate of forgetting."""
    repetition: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """What it believes of the effect of a further presentation."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import teacher_myopic

        return teacher_myopic(task, "conservative", self.forgetting, self.repetition)


class PredictConfig(AssistantConfig):
    """Does in the coordinated task what a user with these coefficients would do."""

    kind: Literal["predict"] = "predict"
    p0: Annotated[int, Field(ge=0, le=9)] = 1
    """Coefficient of x that it believes the user to have; likewise `p1`, `p2`."""
    p1: Annotated[int, Field(ge=0, le=9)] = 5
    """Coefficient of x squared."""
    p2: Annotated[int, Field(ge=0, le=9)] = 7
    """Coefficient of x cubed."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import coordination_predictor

        return coordination_predictor(task, (self.p0, self.p1, self.p2))


class RolloutConfig(JumpConfig):
    """Infers what the user is like and tries every action in simulated games; in pointing and in the coordinated task."""

    kind: Literal["rollout"] = "rollout"
    rounds: Annotated[int, Field(ge=1, le=100)] = 12
    """How many rounds it looks ahead."""
    samples: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Users that it imagines for a decision in pointing; 0 takes every target, weighted by the belief in it."""
    p1: Annotated[int, Field(ge=0, le=9)] = 5
    """In the coordinated task, the user's coefficient of x squared, which it knows."""
    p2: Annotated[int, Field(ge=0, le=9)] = 7
    """In the coordinated task, the user's coefficient of x cubed, which it knows."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import rollout_assistant

        return rollout_assistant(task, self)


class LearnedAssistantConfig(AssistantConfig):
    """Acts as a network that Stable-Baselines3 trained; its file is read without unpickling anything."""

    kind: Literal["learned"] = "learned"
    file: str = "policy.zip"
    """The file that `taskloom_hci.exports.learned.save_policy` wrote."""
    deterministic: bool = True
    """Take the best action instead of drawing one."""
    cursor: Literal["gain", "position"] = "position"
    """In a pointing task, whether its action is where the cursor goes or a factor of the user's move."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.assistants.build import learned_assistant

        return learned_assistant(task, self.file, self.deterministic)


def mode_of(assistant: AssistantConfig | None) -> Literal["gain", "position"]:
    """Return what the actions of an assistant mean in a pointing task; without one the user moves the cursor itself."""
    if isinstance(assistant, LearnedAssistantConfig):
        return assistant.cursor
    return "gain" if assistant is None else assistant.mode
