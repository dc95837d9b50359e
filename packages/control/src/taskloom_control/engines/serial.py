"""MuJoCo's C rollouts without threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from taskloom import Config

from taskloom_control.engines.base import Engine

if TYPE_CHECKING:
    from taskloom_control.engines.base import RolloutEngine
    from taskloom_control.task import ControlTask


class Serial(Engine):
    """MuJoCo's C rollouts on one thread.

    It is the calling thread: the quickest choice for tiny problems.
    """

    takes_models: ClassVar[bool] = True
    kind: Literal["serial"] = "serial"

    def build(self, task: ControlTask[Any], config: Config) -> RolloutEngine:
        """Return the threaded engine without helpers."""
        from taskloom_control.engines.threads_mujoco import ThreadedEngine  # MuJoCo is heavy

        del config
        return ThreadedEngine(task.model, None)
