"""Plan with sampling-based model-predictive control on MuJoCo. Every public name is imported when it is first used.

`Task` and `TaskConfig` are the names that judo gives to what is called `ControlTask` and `ControlConfig` elsewhere here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

if TYPE_CHECKING:
    from taskloom_control.arrays import Array as Array
    from taskloom_control.closed_loop.loop import ClosedLoop as ClosedLoop
    from taskloom_control.closed_loop.simulation import Simulation as Simulation
    from taskloom_control.config import (
        AnyOptimizer as AnyOptimizer,
        ControlConfig as ControlConfig,
        ControlConfig as TaskConfig,
        ControllerConfig as ControllerConfig,
        RecordConfig as RecordConfig,
    )
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
    from taskloom_control.planning.controller import Controller as Controller, Plan as Plan
    from taskloom_control.task import (
        ControlTask as ControlTask,
        ControlTask as Task,
        Metadata as Metadata,
        StagedTask as StagedTask,
    )

# Where each public name lives: a listing must not import NumPy, MuJoCo or gymnasium.
_HOME_OF = {
    "AnyOptimizer": "taskloom_control.config",
    "Array": "taskloom_control.arrays",
    "ClosedLoop": "taskloom_control.closed_loop.loop",
    "ControlConfig": "taskloom_control.config",
    "ControlEnv": "taskloom_control.gym",
    "ControlTask": "taskloom_control.task",
    "Controller": "taskloom_control.planning.controller",
    "ControllerConfig": "taskloom_control.config",
    "KnotSampler": "taskloom_control.optimizers.knots",
    "Metadata": "taskloom_control.task",
    "ModelError": "taskloom_control.errors",
    "OptimizerConfig": "taskloom_control.optimizers.config",
    "Plan": "taskloom_control.planning.controller",
    "PlanError": "taskloom_control.errors",
    "RecordConfig": "taskloom_control.config",
    "RewardError": "taskloom_control.errors",
    "SamplingConfig": "taskloom_control.optimizers.config",
    "Simulation": "taskloom_control.closed_loop.simulation",
    "StagedTask": "taskloom_control.task",
    "Task": "taskloom_control.task",
    "TaskConfig": "taskloom_control.config",
    "make_env": "taskloom_control.gym",
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

__getattr__, __dir__ = lazy_names("taskloom_control", _HOME_OF, _OTHER_NAMES)
