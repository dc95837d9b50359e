"""Plan with sampling-based model-predictive control on MuJoCo. Every public name is imported when it is first used.

`Task` and `TaskConfig` are the names that judo gives to what is called `ControlTask` and `ControlConfig` elsewhere here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskloom_control.arrays import Array as Array
    from taskloom_control.closed_loop import ClosedLoop as ClosedLoop
    from taskloom_control.config import (
        AnyOptimizer as AnyOptimizer,
        ControlConfig as ControlConfig,
        ControlConfig as TaskConfig,
        ControllerConfig as ControllerConfig,
        RecordConfig as RecordConfig,
    )
    from taskloom_control.controller import Controller as Controller, Plan as Plan
    from taskloom_control.errors import (
        ModelError as ModelError,
        PlanError as PlanError,
        RewardError as RewardError,
    )
    from taskloom_control.gym import ControlEnv as ControlEnv, make_env as make_env
    from taskloom_control.optimizers.config import (
        OptimizerConfig as OptimizerConfig,
        SamplingConfig as SamplingConfig,
    )
    from taskloom_control.optimizers.knots import KnotSampler as KnotSampler
    from taskloom_control.simulation import Simulation as Simulation
    from taskloom_control.task import (
        ControlTask as ControlTask,
        ControlTask as Task,
        Metadata as Metadata,
        StagedTask as StagedTask,
    )

# Where each public name lives: a listing must not import NumPy, MuJoCo or gymnasium.
_HOME_OF = {
    "AnyOptimizer": "config",
    "Array": "arrays",
    "ClosedLoop": "closed_loop",
    "ControlConfig": "config",
    "ControlEnv": "gym",
    "ControlTask": "task",
    "Controller": "controller",
    "ControllerConfig": "config",
    "KnotSampler": "optimizers.knots",
    "Metadata": "task",
    "ModelError": "errors",
    "OptimizerConfig": "optimizers.config",
    "Plan": "controller",
    "PlanError": "errors",
    "RecordConfig": "config",
    "RewardError": "errors",
    "SamplingConfig": "optimizers.config",
    "Simulation": "simulation",
    "StagedTask": "task",
    "Task": "task",
    "TaskConfig": "config",
    "make_env": "gym",
}
_OTHER_NAMES = {"Task": "ControlTask", "TaskConfig": "ControlConfig"}

__all__ = [
    "AnyOptimizer",
    "Array",
    "ClosedLoop",
    "ControlConfig",
    "ControlEnv",
    "ControlTask",
    "Controller",
    "ControllerConfig",
    "KnotSampler",
    "Metadata",
    "ModelError",
    "OptimizerConfig",
    "Plan",
    "PlanError",
    "RecordConfig",
    "RewardError",
    "SamplingConfig",
    "Simulation",
    "StagedTask",
    "Task",
    "TaskConfig",
    "make_env",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- a module attribute may be anything
    if name not in _HOME_OF:
        raise AttributeError(f"module 'taskloom_control' has no attribute '{name}'")
    home = import_module(f"taskloom_control.{_HOME_OF[name]}")
    return getattr(home, _OTHER_NAMES.get(name, name))


def __dir__() -> list[str]:
    return list(__all__)
