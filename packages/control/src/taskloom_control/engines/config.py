"""The engines that roll candidate plans out, by name; implementations are imported when built."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field
from taskloom import Component, ExecutionOnly

if TYPE_CHECKING:
    from taskloom_control.engines.base import Engine
    from taskloom_control.task import ControlTask


class EngineConfig(Component):
    """Base of every engine's config.

    Attributes:
        uses_jax: Whether the engine computes in JAX, which then computes on the devices that the run was given.
    """

    uses_jax: ClassVar[bool] = False

    @abstractmethod
    def build(self, task: ControlTask[Any]) -> Engine:
        """Return the engine for the planning model of this copy of the task."""


class Threads(EngineConfig):
    """MuJoCo's C rollouts on threads that share one model, the calling thread among them."""

    kind: Literal["threads"] = "threads"
    num_threads: Annotated[int, Field(ge=0, le=1024), ExecutionOnly()] = 0
    """Threads at most; 0 takes one per core, fewer for small problems. The result does not depend on it."""

    def build(self, task: ControlTask[Any]) -> Engine:
        """Return the threaded engine."""
        from taskloom_control.engines.threads import ThreadedEngine  # MuJoCo is heavy

        return ThreadedEngine(task.model, self.num_threads)


class Serial(EngineConfig):
    """MuJoCo's C rollouts on the calling thread; quickest for tiny problems."""

    kind: Literal["serial"] = "serial"

    def build(self, task: ControlTask[Any]) -> Engine:
        """Return the threaded engine without helpers."""
        from taskloom_control.engines.threads import ThreadedEngine  # MuJoCo is heavy

        return ThreadedEngine(task.model, None)


class NumpyDynamics(EngineConfig):
    """The task's own dynamics, stepped for all rollouts at once in NumPy; for tasks that define `dynamics`."""

    kind: Literal["numpy"] = "numpy"

    def build(self, task: ControlTask[Any]) -> Engine:
        """Return the NumPy engine."""
        from taskloom_control.engines.arrays import ArrayEngine  # NumPy is heavy

        return ArrayEngine(task)


class Mjx(EngineConfig):
    """MuJoCo in JAX: one jitted scan over all rollouts; needs the extra `jax`."""

    uses_jax: ClassVar[bool] = True
    kind: Literal["mjx"] = "mjx"
    double: bool = True
    """Whether to compute in double precision."""

    def build(self, task: ControlTask[Any]) -> Engine:
        """Return the JAX engine."""
        from taskloom_control.engines.mjx import MjxEngine  # JAX is heavy

        return MjxEngine(task.model, double=self.double)
