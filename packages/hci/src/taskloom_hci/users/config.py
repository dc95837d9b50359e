"""Users as configs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from taskloom import Component, Unit
from typing_extensions import override

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
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

    @override
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

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.models.pointing import Boltzmann
        from taskloom_hci.users.build import pointing_user

        return pointing_user(
            task, lambda dimension: Boltzmann(self.rationality, dimension), self.kind
        )


class RandomUserConfig(UserConfig):
    """Draws every action from its space."""

    kind: Literal["random"] = "random"

    @override
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

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import polynomial_user

        return polynomial_user(task, (self.p0, self.p1, self.p2))


class LQRConfig(UserConfig):
    """Sees the state as it is and does `u = -K x` with the optimal gain."""

    kind: Literal["lqr"] = "lqr"
    effort: Annotated[float, Field(gt=0)] = 1e-3
    """Cost of the control."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import lqr_user

        return lqr_user(task, self.effort)


class LQGConfig(UserConfig):
    """Sees noisy increments, estimates the state and controls by the estimate, all optimally (Qian et al., 2013)."""

    kind: Literal["lqg"] = "lqg"
    effort: Annotated[float, Field(gt=0)] = 1e-3
    """Cost of the control."""
    noise: bool = True
    """Whether what it sees is noisy."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import lqg_user

        return lqg_user(task, self.effort, self.noise)


class GazeConfig(UserConfig):
    """Looks for a target with eyes that see worse away from the fixation (Chen et al., 2021)."""

    kind: Literal["gaze"] = "gaze"
    perceptual_noise: Annotated[float, Field(gt=0)] = 0.09
    """Noise of what is seen, for a unit of eccentricity."""
    oculomotor_noise: Annotated[float, Field(ge=0)] = 0.09
    """Noise of a saccade, for a unit of its length."""
    noise_law: Literal["variance", "sd"] = "variance"
    """What grows in proportion to the distance: the variance (as CoopIHC's model) or the standard deviation."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import gaze_user

        return gaze_user(task, self.perceptual_noise, self.oculomotor_noise, self.noise_law)


class MemoryConfig(UserConfig):
    """Forgets exponentially, and more slowly what it saw more often."""

    kind: Literal["memory"] = "memory"
    forgetting: Annotated[float, Field(gt=0), Unit("1/s")] = 0.01
    """Rate alpha at which an item seen once is forgotten."""
    repetition: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share beta by which every further presentation lowers the rate."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import memory_user

        return memory_user(task, self.forgetting, self.repetition)


class OptimalConfig(UserConfig):
    """Takes as few rounds as possible with the gain it knows (value iteration)."""

    kind: Literal["optimal"] = "optimal"
    gain: Annotated[int, Field(ge=1, le=1000)] = 1
    """Gain of the assistant it counts on."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import optimal_user

        return optimal_user(task, self.gain)


class LearnedUserConfig(UserConfig):
    """Acts as a network that Stable-Baselines3 trained; its file is read without unpickling anything."""

    kind: Literal["learned"] = "learned"
    file: str = "policy.zip"
    """The file that `taskloom_hci.exports.learned.save_policy` wrote."""
    deterministic: bool = True
    """Take the best action instead of drawing one."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import learned_user

        return learned_user(task, self.file, self.deterministic)


class ReplayConfig(UserConfig):
    """Does again what a recorded user did, episode by episode."""

    kind: Literal["replay"] = "replay"
    file: str = "episodes.npz"
    """The recording: the episodes of a run."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.build import replay_user

        return replay_user(task, self.file)
