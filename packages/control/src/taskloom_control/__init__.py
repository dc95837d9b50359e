"""Plan with sampling-based model-predictive control on MuJoCo. Every public name is imported when it is first used.

`Task` and `TaskConfig` are the names that judo gives to what is called `ControlTask` and `ControlConfig` elsewhere here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from taskloom_control.engines.base import Engine as Engine
    from taskloom_control.engines.mjx import MJX as MJX
    from taskloom_control.engines.numpy import NumpyDynamics as NumpyDynamics
    from taskloom_control.engines.serial import Serial as Serial
    from taskloom_control.engines.threads import Threads as Threads
    from taskloom_control.errors import (
        ModelError as ModelError,
        PlanError as PlanError,
        RewardError as RewardError,
    )
    from taskloom_control.exports.gymnasium import ControlEnv as ControlEnv, make_env as make_env
    from taskloom_control.optimizers.base import (
        Optimizer as Optimizer,
        SamplingOptimizer as SamplingOptimizer,
        TrajectoryOptimizer as TrajectoryOptimizer,
    )
    from taskloom_control.optimizers.cem import CEM as CEM
    from taskloom_control.optimizers.cma_es import CMAES as CMAES
    from taskloom_control.optimizers.dial import DIAL as DIAL
    from taskloom_control.optimizers.icem import ICEM as ICEM
    from taskloom_control.optimizers.ilqr import ILQR as ILQR
    from taskloom_control.optimizers.knots import Draw as Draw, KnotState as KnotState
    from taskloom_control.optimizers.lqr import LQR as LQR
    from taskloom_control.optimizers.mppi import MPPI as MPPI
    from taskloom_control.optimizers.predictive_sampling import (
        PredictiveSampling as PredictiveSampling,
    )
    from taskloom_control.optimizers.random_shooting import RandomShooting as RandomShooting
    from taskloom_control.optimizers.smooth_mppi import SmoothMPPI as SmoothMPPI
    from taskloom_control.planning.controller import (
        Controller as Controller,
        ControlPlan as ControlPlan,
    )
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
    "CEM": "taskloom_control.optimizers.cem",
    "CMAES": "taskloom_control.optimizers.cma_es",
    "ClosedLoop": "taskloom_control.closed_loop.loop",
    "ControlConfig": "taskloom_control.config",
    "ControlEnv": "taskloom_control.exports.gymnasium",
    "ControlPlan": "taskloom_control.planning.controller",
    "ControlTask": "taskloom_control.task",
    "Controller": "taskloom_control.planning.controller",
    "ControllerConfig": "taskloom_control.config",
    "DIAL": "taskloom_control.optimizers.dial",
    "Draw": "taskloom_control.optimizers.knots",
    "Engine": "taskloom_control.engines.base",
    "ICEM": "taskloom_control.optimizers.icem",
    "ILQR": "taskloom_control.optimizers.ilqr",
    "KnotState": "taskloom_control.optimizers.knots",
    "LQR": "taskloom_control.optimizers.lqr",
    "MJX": "taskloom_control.engines.mjx",
    "MPPI": "taskloom_control.optimizers.mppi",
    "Metadata": "taskloom_control.task",
    "ModelError": "taskloom_control.errors",
    "NumpyDynamics": "taskloom_control.engines.numpy",
    "Optimizer": "taskloom_control.optimizers.base",
    "PlanError": "taskloom_control.errors",
    "PredictiveSampling": "taskloom_control.optimizers.predictive_sampling",
    "RandomShooting": "taskloom_control.optimizers.random_shooting",
    "RecordConfig": "taskloom_control.config",
    "RewardError": "taskloom_control.errors",
    "SamplingOptimizer": "taskloom_control.optimizers.base",
    "Serial": "taskloom_control.engines.serial",
    "Simulation": "taskloom_control.closed_loop.simulation",
    "SmoothMPPI": "taskloom_control.optimizers.smooth_mppi",
    "StagedTask": "taskloom_control.task",
    "Task": "taskloom_control.task",
    "TaskConfig": "taskloom_control.config",
    "Threads": "taskloom_control.engines.threads",
    "TrajectoryOptimizer": "taskloom_control.optimizers.base",
    "make_env": "taskloom_control.exports.gymnasium",
}
_OTHER_NAMES = {"TaskConfig": "ControlConfig", "Task": "ControlTask"}

__all__ = [
    "CEM",
    "CMAES",
    "DIAL",
    "ICEM",
    "ILQR",
    "LQR",
    "MJX",
    "MPPI",
    "AnyOptimizer",
    "Array",
    "ClosedLoop",
    "ControlConfig",
    "ControlEnv",
    "ControlPlan",
    "ControlTask",
    "Controller",
    "ControllerConfig",
    "Draw",
    "Engine",
    "KnotState",
    "Metadata",
    "ModelError",
    "NumpyDynamics",
    "Optimizer",
    "PlanError",
    "PredictiveSampling",
    "RandomShooting",
    "RecordConfig",
    "RewardError",
    "SamplingOptimizer",
    "Serial",
    "Simulation",
    "SmoothMPPI",
    "StagedTask",
    "Task",
    "TaskConfig",
    "Threads",
    "TrajectoryOptimizer",
    "make_env",
]

_listed, __dir__ = lazy_names("taskloom_control", _HOME_OF, _OTHER_NAMES)


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- a public name may be anything
    """Return a public name, or one of an earlier version under its new name, with a warning."""
    if name in _HOME_OF or name.startswith("__"):
        return _listed(name)
    from taskloom.moved import moved_names

    from taskloom_control.compat.moved import RENAMED

    return moved_names("taskloom_control", RENAMED)(name)
