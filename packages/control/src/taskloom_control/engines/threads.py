"""MuJoCo's C rollouts on several threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field
from taskloom import Config, ExecutionOnly

from taskloom_control.engines.base import Engine

if TYPE_CHECKING:
    from taskloom_control.engines.base import RolloutEngine
    from taskloom_control.task import ControlTask


class Threads(Engine):
    """MuJoCo's C rollouts on a pool of threads.

    The threads share one model, and the calling thread is one of them.
    """

    takes_models: ClassVar[bool] = True
    kind: Literal["threads"] = "threads"
    num_threads: Annotated[int, Field(ge=0, le=1024), ExecutionOnly()] = 0
    """Threads at most; 0 takes one per core, fewer for small problems. The result does not depend on it."""

    def build(self, task: ControlTask[Any], config: Config) -> RolloutEngine:
        """Return the threaded engine."""
        from taskloom_control.engines.threads_mujoco import ThreadedEngine  # MuJoCo is heavy

        del config
        return ThreadedEngine(task.model, self.num_threads)
