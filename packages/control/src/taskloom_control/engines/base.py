"""Engines: states and sensors of many control sequences from one state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from taskloom import Component, Config

if TYPE_CHECKING:
    import mujoco
    import numpy as np
    from jaxtyping import Float

    from taskloom_control.mjcf.physics import Snapshot
    from taskloom_control.task import ControlTask


@dataclass(frozen=True)
class Rollouts:
    """R rollouts of T steps.

    Attributes:
        states: Positions and velocities after every control, shape (R, T, nq + nv); an array of the engine's namespace.
        sensors: Sensor values computed while that control was applied, shape (R, T, nsensordata), likewise.
        alive: Whether each rollout stayed stable to its end, shape (R,).
    """

    # No type is common to both namespaces. JAX arrays stay what they are: a reward on jax.numpy must not copy them to the host.
    states: Any
    sensors: Any
    alive: np.ndarray


class RolloutEngine(Protocol):
    """An engine that was built for one planning model; it holds threads and buffers.

    Attributes:
        has_sensors: Whether it computes sensors; a reward that reads them is refused otherwise.
    """

    has_sensors: ClassVar[bool]

    def buffer(self, num_rollouts: int, num_steps: int, /) -> Float[np.ndarray, "R T nu"]:
        """Return the array to write controls into; its content is the engine's until the next call."""
        ...

    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"], /) -> Rollouts:
        """Roll out control sequences from one state; the result is valid until the next call."""
        ...

    def close(self) -> None:
        """Give back threads and memory."""
        ...


@runtime_checkable
class ModelsEngine(RolloutEngine, Protocol):
    """An engine that rolls out several models in one batch."""

    def take_models(self, models: Sequence[mujoco.MjModel], /) -> None:
        """Roll out these models from now on, all laid out as the planning model."""
        ...

    def rollout_each(
        self, snapshots: Sequence[Snapshot], controls: Float[np.ndarray, "MR T nu"], /
    ) -> Rollouts:
        """Roll out rows model after model, equally many of each, from the state of each."""
        ...


class Engine(Component):
    """Base of every engine.

    Attributes:
        uses_jax: Whether the engine computes in JAX, which then computes on the devices that the run was given.
        takes_models: Whether it rolls out several models in one batch, as robust planning asks.
        uses_config: Whether what it computes depends on the task's config, so that another config needs another engine.
    """

    uses_jax: ClassVar[bool] = False
    takes_models: ClassVar[bool] = False
    uses_config: ClassVar[bool] = False

    @abstractmethod
    def build(self, task: ControlTask[Any], config: Config) -> RolloutEngine:
        """Return the engine for the planning model of this copy of the task."""

    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return why the engine cannot work for any config of a class, or an empty string; nothing heavy is imported."""
        del config_class
        return ""

    def check(self, config: Config) -> str:
        """Return why the engine cannot work for a config, or an empty string."""
        return self.fits(type(config))
