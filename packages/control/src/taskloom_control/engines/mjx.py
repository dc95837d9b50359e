"""MuJoCo in JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from taskloom import Config

from taskloom_control.engines.base import Engine

if TYPE_CHECKING:
    from taskloom_control.engines.base import RolloutEngine
    from taskloom_control.task import ControlTask


class MJX(Engine):
    """MuJoCo in JAX (extra `jax`).

    One jitted scan over the steps is mapped over all rollouts.
    """

    uses_jax: ClassVar[bool] = True
    kind: Literal["mjx"] = "mjx"
    double: bool = True
    """Compute in double precision."""

    def build(self, task: ControlTask[Any], config: Config) -> RolloutEngine:
        """Return the JAX engine."""
        from taskloom_control.engines.mjx_jax import MJXEngine  # JAX is heavy

        del config
        return MJXEngine(task.model, double=self.double)
